"""What a call costs beside waiting for it, and whether the latency we report is the server's.

Everything runs against a loopback server in a process of its own (``loopback_server.py``). The yardstick is
measured in the same run: a bare loop of the official SDK over its aiohttp transport, at the same concurrency.
Each measurement is a process of its own, so that memory and CPU seconds are its own.

    python tests/benchmarks/bench_calls.py            # overhead, latency, 50,000 cases
    python tests/benchmarks/bench_calls.py overhead   # one of them
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from loopback_server import loopback_server, read_log

CONCURRENCY = 64
CASES = 2_000
ANSWER_S = 0.05
PAD = "the pump makes a grinding noise after start and the pressure falls " * 4


def question(number: int) -> str:
    return f"Ticket {number}: {PAD}"


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_sdk(url: str, n_cases: int) -> dict[str, float]:
    """The yardstick: a bare SDK loop that keeps nothing."""
    import openai

    async def loop() -> dict[str, float]:
        client = openai.AsyncOpenAI(
            api_key="key", base_url=url, max_retries=0, http_client=openai.DefaultAioHttpClient()
        )
        numbers = iter(range(n_cases))
        service: list[float] = []

        async def worker() -> None:
            for number in numbers:
                start = time.perf_counter()
                await client.chat.completions.create(
                    model="m",
                    messages=[{"role": "user", "content": question(number)}],
                    temperature=0,
                    max_tokens=64,
                )
                service.append(time.perf_counter() - start)

        start, cpu = time.perf_counter(), cpu_s()
        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
        figures = {"wall_s": time.perf_counter() - start, "cpu_ms": (cpu_s() - cpu) / n_cases * 1e3}
        await client.close()
        return {**figures, "peak_mb": peak_mb(), **percentiles(service)}

    return asyncio.run(loop())


SUITE = """
name: bench
cases: cases.jsonl
prompts: {house: {system: Answer in the house format., user: "Question: {{input}}"}}
models: {hosted: {type: openai, model: gpt-4o-mini, base_url: "%s", max_tokens: 64}}
arms: {zero_shot: {model: hosted, prompt: house}}
metrics: [exact_match]
"""


def measure_evalkit(url: str, n_cases: int) -> dict[str, float]:
    """One arm of a real suite, with journal, response cache, prices and a cost limit: `evalkit run` up to scoring."""
    from decimal import Decimal

    from evalkit.arms.arm import Arm
    from evalkit.arms.expand import expand_arms
    from evalkit.calls.caller import Caller
    from evalkit.models.build import build_model
    from evalkit.prompts.composer import Composer
    from evalkit.prompts.template import Template
    from evalkit.records.case import Case
    from evalkit.records.sample import Sample
    from evalkit.runner.answer import Session, answer_arm
    from evalkit.runner.cells import ArmWork
    from evalkit.runner.journal import Journal
    from evalkit.runner.pricing import price_table, pricer
    from evalkit.runner.progress import Silent
    from evalkit.runner.stop import Stop
    from evalkit.store.cache import SqliteCache
    from evalkit.store.jsonl import JsonLines
    from evalkit.store.run_folder import RunFolder
    from evalkit.store.write_behind import WriteBehind
    from evalkit.suite.load import load_suite

    class Cases:
        def __iter__(self) -> Iterator[Case]:
            return (
                Case(id=f"c{number}", input=question(number), cluster=f"c{number}")
                for number in range(n_cases)
            )

    async def answer(folder: Path) -> dict[str, float]:
        (folder / "suite.yaml").write_text(SUITE % url)
        suite = load_suite(folder)
        (facts,) = expand_arms(suite)
        arm = Arm(facts, Composer(suite.prompt_of("zero_shot")[1]), None, Template("{{input}}"), 0)
        model = build_model(suite.models["hosted"], folder=folder)
        cache = WriteBehind(SqliteCache(folder / "cache.sqlite"))
        price = pricer(suite, "hosted", price_table(suite))
        work = ArmWork(arm, Caller(model, cache=cache), price, 64)
        with Journal(RunFolder(folder)) as journal:
            session = Session(journal, Silent(), Stop(Decimal(1000)), 7, 1, CONCURRENCY)
            start, cpu = time.perf_counter(), cpu_s()
            tally = await answer_arm(work, Cases(), n_cases, session)
            cache.flush()
            figures = {"wall_s": time.perf_counter() - start, "cpu_ms": (cpu_s() - cpu) / n_cases * 1e3}
        await model.close()
        assert tally.ok == n_cases, tally
        return {**figures, "client_bound": tally.loop.late_share}

    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(answer(Path(folder)))
        figures["peak_mb"] = peak_mb()
        rows = JsonLines(RunFolder(Path(folder)).samples_file, Sample)
        return {**figures, **percentiles([row.timing.service_s or 0.0 for row in rows if row.timing])}


def percentiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "p50_ms": ordered[len(ordered) // 2] * 1e3,
        "p95_ms": ordered[int(len(ordered) * 0.95)] * 1e3,
    }


MEASURED = {"sdk": measure_sdk, "evalkit": measure_evalkit}


def in_its_own_process(kind: str, url: str, n_cases: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--measure", kind, url, str(n_cases)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def show(label: str, figures: dict[str, float]) -> None:
    print(f"{label:<26}" + "".join(f"  {name} {value:8.2f}" for name, value in figures.items()), flush=True)


def overhead(rounds: int = 3) -> None:
    """2,000 cases at concurrency 64, every answer at 50 ms."""
    least = CASES / CONCURRENCY * ANSWER_S
    print(
        f"\nOverhead: {CASES:,} cases, concurrency {CONCURRENCY}, answers at 50 ms; least wall {least:.2f} s"
    )
    with loopback_server(ANSWER_S) as url:
        for _ in range(rounds):  # taken in turn, since the machine may be busy with other work
            sdk = in_its_own_process("sdk", url, CASES)
            ours = in_its_own_process("evalkit", url, CASES)
            show("bare SDK loop", sdk)
            show("evalkit", ours)
            print(
                f"{'evalkit / bare SDK':<26}  wall {ours['wall_s'] / sdk['wall_s']:.2f}  "
                f"CPU {ours['cpu_ms'] / sdk['cpu_ms']:.2f}  wall / least {ours['wall_s'] / least:.2f}"
            )


def latency(rounds: int = 3) -> None:
    """90% of answers at 50 ms, 10% at 200 ms: our percentiles over the server's."""
    print(f"\nLatency truth: {CASES:,} cases, concurrency {CONCURRENCY}, 90% at 50 ms, 10% at 200 ms")
    with loopback_server(*[0.05] * 9, 0.2) as url:
        for _ in range(rounds):
            for kind in MEASURED:
                read_log(url)
                ours = in_its_own_process(kind, url, CASES)
                truth = percentiles(read_log(url))
                show(kind, ours)
                show("server's own log", truth)
                ratios = (f"{name[:3]} {ours[name] / truth[name] - 1:+.1%}" for name in truth)
                print(f"{kind + ' over the server':<26}  " + "  ".join(ratios))


def memory() -> None:
    """50,000 cases."""
    print(f"\nMemory: 50,000 cases, concurrency {CONCURRENCY}, answers at 10 ms")
    with loopback_server(0.01) as url:
        show("evalkit", in_its_own_process("evalkit", url, 50_000))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(MEASURED[sys.argv[2]](sys.argv[3], int(sys.argv[4]))))
    else:
        wanted = sys.argv[1:] or ["overhead", "latency", "memory"]
        for name in wanted:
            {"overhead": overhead, "latency": latency, "memory": memory}[name]()
