"""The same small suite against servers that nobody here wrote, streamed and not.

    python tests/benchmarks/run_real_servers.py [transformers-serve] [litellm] [llama-cpp] [--cases 8]

- `transformers serve` with the embedded model: chat and text completions; its answers must be the local engine's.
- the litellm proxy with answers that it makes up itself, and with refusals that it makes up.
- llama.cpp's server with the embedded model as GGUF, where its wheel can be installed.

Each server runs in an environment of its own (see ``own_environment.py``). The suite is `support-desk` with few of its
cases. Every answer must be scored, and what is streamed must equal what is not.
"""

from __future__ import annotations

import argparse
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from own_environment import NotInstallableError, own_environment, version_in

from evalkit.models.embedded.model import weights_folder
from evalkit.records.sample import Sample
from evalkit.store.run_folder import RunFolder

SUITE = Path(__file__).parents[2] / "suites" / "support-desk"
STOP = "\n"
READY_S = 1200.0
KEY_VARIABLE, KEY = "REAL_SERVER_KEY", f"sk-{secrets.token_hex(24)}"
MOCKED = "Cause: worn seal. Fix: replace the seal."
SYMBOLS = 'Grüße, 世界 🙂: \\u0041 "quoted" {braces}'


@dataclass(frozen=True)
class Server:
    """A server and what it is asked.

    Attributes:
        package: Whose version is shown.
        command: Starts it, given its interpreter, a folder and a port.
        models: Sections of the suite by name, without address; each is asked whole and streamed.
        local: Whether the answers of its model `chat` must be the local engine's.
        refused: Models of which every cell must end otherwise: name to the finish reason or a piece of the error.
        overlong: A model that is asked with a prompt over its limit too, and must say so.
    """

    package: str
    packages: tuple[str, ...]
    command: Callable[[Path, Path, int], list[str]]
    models: Mapping[str, dict[str, Any]]
    ready: str = "/health"
    constrained: bool = True
    local: bool = False
    outputs: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    overlong: str | None = None


def start_transformers(python: Path, folder: Path, port: int) -> list[str]:
    program = str(python.parent / "transformers")
    return [
        program,
        "serve",
        str(weights_folder()),
        "--device",
        "cpu",
        "--dtype",
        "float32",
        "--port",
        str(port),
    ]


def start_litellm(python: Path, folder: Path, port: int) -> list[str]:
    answers = {"mocked": MOCKED, "symbols": SYMBOLS, "too-long": "litellm.ContextWindowExceededError",
               "down": "litellm.InternalServerError"}  # fmt: skip
    models = [
        {
            "model_name": name,
            "litellm_params": {"model": "openai/none", "api_key": "none", "mock_response": answer},
        }
        for name, answer in answers.items()
    ]
    (folder / "litellm.yaml").write_text(yaml.safe_dump({"model_list": models}))
    program = str(python.parent / "litellm")
    return [program, "--config", str(folder / "litellm.yaml"), "--port", str(port), "--telemetry", "False"]


LLAMA = """\
import sys, time
import xllamacpp
parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
parameters.port = int(sys.argv[2])
parameters.n_parallel = 4
parameters.n_ctx = 4 * 512
server = xllamacpp.Server(parameters)
time.sleep(1e6)
"""


def start_llama(python: Path, folder: Path, port: int) -> list[str]:
    file = folder / "embedded.gguf"
    writer = Path(__file__).with_name("write_gguf.py")
    subprocess.run([str(python), str(writer), str(weights_folder()), str(file)], check=True)
    return [str(python), "-c", LLAMA, str(file), str(port)]


EMBEDDED = {"model": str(weights_folder()), "max_tokens": 32, "stop": [STOP]}
TRIES = {"max_attempts": 2, "max_tokens": 32}
SERVERS = {
    "transformers-serve": Server(
        "transformers",
        ("transformers[serving]==5.23.0", "torch==2.13.0"),
        start_transformers,
        {"chat": EMBEDDED, "text": {**EMBEDDED, "endpoint": "completions"}},
        local=True,
    ),
    "litellm": Server(
        "litellm",
        ("litellm[proxy]",),
        start_litellm,
        {name: {"model": name, **TRIES} for name in ("mocked", "symbols", "too-long", "down")},
        ready="/health/liveliness",
        constrained=False,
        outputs={"mocked": MOCKED, "symbols": SYMBOLS},
        refused={"too-long": "context_limit", "down": "answered 500"},
    ),
    "llama-cpp": Server(
        "xllamacpp",  # llama.cpp's own server, built into a wheel
        ("xllamacpp", "gguf", "safetensors"),
        start_llama,
        {"chat": EMBEDDED, "text": {**EMBEDDED, "endpoint": "completions"}},
        constrained=False,
        local=True,
        overlong="chat",
    ),
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], ready: str, log: Path) -> Iterator[None]:
    """A server, from when it listens until we are done."""
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_MASTER_KEY": KEY,  # it does not start without one
    }
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        try:
            wait_until_ready(process, ready, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until_ready(process: subprocess.Popen[bytes], ready: str, log: Path) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(ready, timeout=10).close()
            return
        except OSError:
            time.sleep(0.5)
    raise SystemExit(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")


def write_suite(folder: Path, server: Server, port: int, n_cases: int) -> None:
    """The few-shot prompt of the shipped suite for every model, whole and streamed."""
    given = yaml.safe_load((SUITE / "suite.yaml").read_text())
    lines = (SUITE / "cases.jsonl").read_text().splitlines(keepends=True)
    (folder / "cases.jsonl").write_text("".join(lines[:: len(lines) // n_cases][:n_cases]))
    (folder / "train.jsonl").write_bytes((SUITE / "train.jsonl").read_bytes())
    address = {"type": "openai", "base_url": f"http://127.0.0.1:{port}/v1", "timeout_s": 300,
               "api_key_env": KEY_VARIABLE}  # fmt: skip
    models: dict[str, dict[str, Any]] = {}
    for name, settings in server.models.items():
        models[name] = {**address, **settings}
        models[f"{name}_streamed"] = {**address, **settings, "stream": True}
    if server.local:
        models["local"] = {"type": "transformers", "device": "cpu", **EMBEDDED}
    suite = {
        "name": "real-servers",
        "cases": given["cases"],
        "prompts": {
            "house": given["prompts"]["house"],
            "long": {"system": "word " * 600, "user": "{{input}}"},
        },
        "models": models,
        "arms": {name: {"model": name, "prompt": "house"} for name in models}
        | ({"overlong": {"model": server.overlong, "prompt": "long"}} if server.overlong else {}),
        "metrics": ["exact_match"],
        "run": {"latency": {"isolated": 0}, "max_concurrency": 4},
        "decision": {"draws": 500},
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite, allow_unicode=True))


def run_suite(folder: Path) -> tuple[dict[str, dict[str, Sample]], dict[str, int], str]:
    """Samples by arm and case, scored cells by arm, and what the command said."""
    command = [
        sys.executable,
        "-m",
        "evalkit",
        "run",
        str(folder),
        "--no-cache",
        "-o",
        str(folder / "reports"),
    ]
    environment = {**os.environ, KEY_VARIABLE: KEY}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    runs = list((folder / "reports" / "real-servers").glob("*"))
    if done.returncode not in (0, 104) or len(runs) != 1:
        raise SystemExit(f"evalkit run ended with {done.returncode}:\n{done.stderr[-3000:]}")
    run = RunFolder(runs[0])
    samples: dict[str, dict[str, Sample]] = {}
    for sample in run.samples():
        samples.setdefault(sample.arm, {})[sample.case_id] = sample
    scored: dict[str, int] = {}
    for row in run.scores() if run.scores_file.exists() else ():
        scored[row.arm] = scored.get(row.arm, 0) + (row.value is not None)
    return samples, scored, done.stderr


def answer_of(sample: Sample) -> str:
    """The output as the local engine would give it: some servers leave the stop string or the space before it."""
    return (sample.output or "").split(STOP)[0].strip() if sample.output else ""


def median_ms(seconds: list[float | None]) -> str:
    known = [value for value in seconds if value is not None]
    return f"{statistics.median(known) * 1e3:9.1f}" if known else "        -"


def check(
    server: Server, samples: dict[str, dict[str, Sample]], scored: dict[str, int], n_cases: int
) -> list[str]:
    """What does not hold."""
    long = samples.get("overlong", {}).values()
    wrong = [
        f"overlong: {row.error or row.finish_reason}" for row in long if row.finish_reason != "context_limit"
    ]
    for name in server.models:
        whole, streamed = samples.get(name, {}), samples.get(f"{name}_streamed", {})
        for arm, rows in ((name, whole), (f"{name}_streamed", streamed)):
            if len(rows) != n_cases:
                wrong.append(f"{arm}: {len(rows)} of {n_cases} cells journaled")
            if (expected := server.refused.get(name)) is not None:
                found = {row.error or row.finish_reason or "" for row in rows.values()}
                wrong += [f"{arm}: {said!r} instead of {expected}" for said in found if expected not in said]
                continue
            bad = [row.error for row in rows.values() if row.error is not None]
            wrong += [f"{arm}: {len(bad)} errors, the first: {bad[0]}"] if bad else []
            if scored.get(arm) != n_cases:
                wrong.append(f"{arm}: {scored.get(arm)} of {n_cases} scored")
        for case_id, row in whole.items():
            if case_id in streamed and (row.output, row.finish_reason) != (
                streamed[case_id].output,
                streamed[case_id].finish_reason,
            ):
                wrong.append(f"{name}: {row.output!r} whole, {streamed[case_id].output!r} streamed")
            if name in server.outputs and row.output != server.outputs[name]:
                wrong.append(f"{name}: {row.output!r} instead of {server.outputs[name]!r}")
            if server.local and name == "chat":  # a text completion has no template, so no start token
                local = samples["local"][case_id]
                if answer_of(row) != answer_of(local):
                    wrong.append(f"{name}: {answer_of(row)!r}, the local engine {answer_of(local)!r}")
                if row.usage and local.usage and row.usage.prompt != local.usage.prompt:
                    wrong.append(f"{name}: {row.usage.prompt} prompt tokens, here {local.usage.prompt}")
    return wrong


def show(name: str, version: str, samples: dict[str, dict[str, Sample]], scored: dict[str, int]) -> None:
    for arm, rows in samples.items():
        cells = list(rows.values())
        timings = [cell.timing for cell in cells if cell.timing is not None]
        ends = sorted({cell.finish_reason or "error" for cell in cells})
        print(
            f"{name:<18} {version:<15} {arm:<18} {sum(cell.error is None for cell in cells):>3} of {len(cells):<3} "
            f"{scored.get(arm, 0):>6} {sum(cell.usage is not None for cell in cells):>6} "
            f"{median_ms([timing.service_s for timing in timings])} "
            f"{median_ms([timing.ttft_s for timing in timings])}  {', '.join(ends)}",
            flush=True,
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("servers", nargs="*", choices=[[], *SERVERS], default=list(SERVERS))
    parser.add_argument("--cases", type=int, default=8)
    arguments = parser.parse_args()
    print(
        f"{'server':<18} {'version':<15} {'arm':<18} {'ok':<10} {'scored':>6} {'usage':>6} "
        f"{'p50 ms':>9} {'ttft ms':>9}  ends"
    )
    wrong: list[str] = []
    for name in arguments.servers:
        server = SERVERS[name]
        try:
            python = own_environment(name, server.packages, constrained=server.constrained)
        except NotInstallableError as error:
            print(f"{name:<18} cannot be installed here: {error}", flush=True)
            continue
        with tempfile.TemporaryDirectory() as temporary:
            folder, port = Path(temporary), free_port()
            write_suite(folder, server, port, arguments.cases)
            ready = f"http://127.0.0.1:{port}{server.ready}"
            with running(server.command(python, folder, port), ready, folder / "server.log"):
                samples, scored, _ = run_suite(folder)
        show(name, version_in(python, server.package), samples, scored)
        wrong += [f"{name}: {problem}" for problem in check(server, samples, scored, arguments.cases)]
    for problem in wrong:
        print(f"NO  {problem}")
    if not wrong:
        print("yes every answer was scored, and what was streamed equals what was not")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
