"""What answering and scoring cost beside waiting, and whether the latency we report is the server's.

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
import statistics
import subprocess
import sys
import tempfile
import time
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
metrics: [exact_match, token_f1]
"""
REFERENCE = "Cause: worn seal. Fix: replace the seal."


def measure_evalkit(url: str, n_cases: int) -> dict[str, float]:
    """One arm of a real suite, with journal, response cache, prices and a cost limit: `evalkit run` through scoring.

    Reading the suite and its cases comes before the clock, as importing the SDK does for the yardstick. ``answer_s`` is
    the part before scoring. Two metrics mark each answer.
    """
    from decimal import Decimal

    from evalkit.calls.caller import Caller
    from evalkit.calls.expected_cost import ExpectedCost
    from evalkit.clock import Clock
    from evalkit.models.build import build_model
    from evalkit.pipeline import spine
    from evalkit.pricing.prices_in_force import pricer
    from evalkit.records.sample import Sample
    from evalkit.runner.answer import answer_arm
    from evalkit.runner.cells import ArmTask
    from evalkit.runner.journal import Journal
    from evalkit.runner.progress import Silent
    from evalkit.runner.run_start import start_run
    from evalkit.runner.session import Session
    from evalkit.runner.stop_signal import StopSignal
    from evalkit.store.cache import SqliteCache
    from evalkit.store.jsonl import JsonLines
    from evalkit.store.write_behind import WriteBehind
    from evalkit.suite.load import load_suite

    async def answer(folder: Path, prepared: spine.Prepared) -> dict[str, float]:
        suite = prepared.suite
        model = build_model(suite.models["hosted"], folder=folder)
        cache = WriteBehind(SqliteCache(folder / "cache.sqlite"))
        stop = StopSignal(Decimal(1000))
        expected_cost = ExpectedCost(pricer(suite, "hosted", prepared.prices), 64)
        caller = Caller(model, cache=cache, spending=stop.spending, expected_cost=expected_cost)
        work = ArmTask(prepared.arms[0], caller)
        with Journal(run) as journal:
            session = Session(journal, Silent(), stop, 7, 1, CONCURRENCY)
            start, cpu = time.perf_counter(), cpu_s()
            tally = await answer_arm(work, prepared.cases, n_cases, session)
            cache.flush()
            answer_s, answer_cpu = time.perf_counter() - start, cpu_s() - cpu
        scored = spine.score(prepared, run)
        wall_s, cpu = time.perf_counter() - start, cpu_s() - cpu
        await model.close()
        assert tally.ok == n_cases, tally
        assert scored == n_cases * len(prepared.metrics), scored
        return {
            "wall_s": wall_s,
            "cpu_ms": cpu / n_cases * 1e3,
            "answer_s": answer_s,
            "answer_cpu_ms": answer_cpu / n_cases * 1e3,
            "client_bound": tally.loop.late / max(1, tally.loop.beats),
        }

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "suite.yaml").write_text(SUITE % url)
        with (folder / "cases.jsonl").open("w") as file:
            for number in range(n_cases):
                row = {"id": f"c{number}", "input": question(number), "reference": REFERENCE}
                file.write(json.dumps(row) + "\n")
        prepared = spine.prepare(load_suite(folder))
        run = start_run(prepared.experiment, folder / "runs", clock=Clock())
        spine.profile_data(prepared, run)
        figures = asyncio.run(answer(folder, prepared))
        figures["peak_mb"] = peak_mb()
        prepared.cases.close()
        rows = JsonLines(run.samples_file, Sample)
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


def overhead(rounds: int = 5) -> None:
    """2,000 cases at concurrency 64, every answer at 50 ms."""
    least = CASES / CONCURRENCY * ANSWER_S
    print(
        f"\nOverhead: {CASES:,} cases, concurrency {CONCURRENCY}, answers at 50 ms; least wall {least:.2f} s"
    )
    sdk, ours = [], []
    with loopback_server(ANSWER_S) as url:
        for _ in range(rounds):  # taken in turn, since the machine may be busy with other work
            sdk.append(in_its_own_process("sdk", url, CASES))
            ours.append(in_its_own_process("evalkit", url, CASES))
            show("bare SDK loop", sdk[-1])
            show("evalkit", ours[-1])
    bare, full = (
        {name: statistics.median(each[name] for each in side) for name in side[0]} for side in (sdk, ours)
    )
    show("median, bare SDK loop", bare)
    show("median, evalkit", full)
    print(
        f"answering and scoring over the bare SDK loop: wall {full['wall_s'] / bare['wall_s']:.2f}, "
        f"CPU {full['cpu_ms'] / bare['cpu_ms']:.2f}; answering alone: wall {full['answer_s'] / bare['wall_s']:.2f}; "
        f"answering over the least wall: {full['answer_s'] / least:.2f}"
    )
    asked = {
        "at most 1.0 times the bare loop's wall": full["wall_s"] <= bare["wall_s"],
        "at most 0.5 ms of CPU a case": full["cpu_ms"] <= 0.5,
        "under 150 MB": full["peak_mb"] < 150,
    }
    for words, held in asked.items():
        print(f"  {'yes' if held else 'NO ':<4} {words}")


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
        figures = in_its_own_process("evalkit", url, 50_000)
    show("evalkit", figures)
    print(f"  {'yes' if figures['peak_mb'] < 200 else 'NO ':<4} under 200 MB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(MEASURED[sys.argv[2]](sys.argv[3], int(sys.argv[4]))))
    else:
        wanted = sys.argv[1:] or ["overhead", "latency", "memory"]
        for name in wanted:
            {"overhead": overhead, "latency": latency, "memory": memory}[name]()
