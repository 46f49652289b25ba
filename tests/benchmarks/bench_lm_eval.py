"""Cases per second of `evalkit run` on this machine against `lm_eval --model hf`, on one model folder and one suite.

The suite is a shipped one with eight demonstrations before each question. Both sides get the same prompts byte for byte
(those that evalkit composes are written out for lm-eval, and what lm-eval says it sent is held against them), decode
greedily, stop at the newline and after as many tokens, in float32 with as many threads. lm-eval is tried at several
batch sizes and counts at its best one. The sides take turns, each in a process of its own, so that what else the
machine does hits both; the median of the rounds counts, by the clock and by processor time, which a busy machine
disturbs less.

    python tests/benchmarks/bench_lm_eval.py [--suite support-desk] [--rounds 3] [--model MODEL] [--batch 32 64 auto]

Two figures of each side: the generation alone (``HFLM.generate_until`` there; here the whole answering of the arm with
its journal, less the loading of the weights), and the process from its start to its end.

lm-eval lives in an environment of its own, made on the first run (see ``own_environment.py``).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml
from local_model import MODEL_HELP, folder_of_model
from own_environment import own_environment, version_in

from evalkit.models.engine.chat import Chat
from evalkit.models.engine.weights import load_tokenizer
from evalkit.pipeline import spine
from evalkit.records.case import Case
from evalkit.store.run_folder import RunFolder
from evalkit.suite.load import load_suite

SUITES = Path(__file__).parents[2] / "suites"
PACKAGES = ("lm-eval[hf]==0.4.13", "torch==2.13.0", "transformers==5.23.0")
SHOTS = 8
ARM = "few_shot"
STOP = "\n"
ASKED = 3.0

OURS = """\
import sys, time
import evalkit.pipeline.spine
from evalkit.cli.main import run
from evalkit.models.local import LocalModel
import evalkit.runner.answer
original = evalkit.runner.answer.answer_arm
clocks = {"wall": time.perf_counter, "cpu": time.process_time}
loading, answering = dict.fromkeys(clocks, 0.0), dict.fromkeys(clocks, 0.0)
load = LocalModel._load
def loaded(model):
    start = {name: clock() for name, clock in clocks.items()}
    try:
        return load(model)
    finally:
        for name, clock in clocks.items():
            loading[name] += clock() - start[name]
async def answered(*arguments):
    start = {name: clock() - loading[name] for name, clock in clocks.items()}
    try:
        return await original(*arguments)
    finally:
        for name, clock in clocks.items():
            answering[name] += clock() - loading[name] - start[name]
LocalModel._load = loaded
for module in list(sys.modules.values()):
    if getattr(module, "answer_arm", None) is original:
        module.answer_arm = answered
code = run(sys.argv[1:])
if answering["wall"]:
    print("generation", answering["wall"], answering["cpu"], file=sys.stderr)
sys.exit(code)
"""

THEIRS = """\
import sys, time
from lm_eval.models.huggingface import HFLM
from lm_eval.__main__ import cli_evaluate
generate = HFLM.generate_until
def timed(*arguments, **named):
    start, cpu = time.perf_counter(), time.process_time()
    try:
        return generate(*arguments, **named)
    finally:
        print("generation", time.perf_counter() - start, time.process_time() - cpu, file=sys.stderr)
HFLM.generate_until = timed
cli_evaluate()
"""


@dataclass(frozen=True)
class Took:
    """Seconds of one run of one side, by the clock and of processors, and its answers by case id."""

    generation_s: float
    process_s: float
    generation_cpu_s: float
    process_cpu_s: float
    answers: dict[str, str]


def make_suite(name: str, folder: Path, model: Path, max_tokens: int, limit: int | None) -> None:
    """A shipped suite with its few-shot arm alone, eight demonstrations, and a model of ``type: transformers``."""
    given = yaml.safe_load((SUITES / name / "suite.yaml").read_text())
    prompt = given["prompts"][given["arms"][ARM]["prompt"]]
    prompt["shots"] = SHOTS
    for file in (given["cases"]["path"], prompt["examples"]["path"]):
        lines = (SUITES / name / file).read_text().splitlines(keepends=True)
        (folder / file).write_text("".join(lines[: limit if file == given["cases"]["path"] else None]))
    base = {"type": "transformers", "model": str(model.resolve()), "device": "cpu", "stop": [STOP]}
    suite = {
        "name": name,
        "cases": given["cases"],
        "prompts": {"house": prompt},
        "models": {"base": {**base, "max_tokens": max_tokens}},
        "arms": {ARM: {"model": "base", "prompt": "house"}},
        "metrics": ["exact_match"],
        "run": {"latency": {"isolated": 0}},
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite, allow_unicode=True))


def write_task(suite_folder: Path, folder: Path, model: Path, max_tokens: int) -> dict[str, str]:
    """The same prompts as a task of lm-eval; gives them by case id."""
    prepared = spine.prepare(load_suite(suite_folder))
    chat = Chat(load_tokenizer(model, trust_remote_code=False))

    def text(case: Case) -> str:
        return chat._render(prepared.arms[0].compose(case).messages, answering=True)

    prompts = {case.id: text(case) for case in prepared.cases}
    rows = [
        {"id": case.id, "prompt": prompts[case.id], "target": case.reference[0]} for case in prepared.cases
    ]
    data = folder / "docs.jsonl"
    data.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    task = {
        "task": "same_prompts",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{prompt}}",
        "doc_to_target": "{{target}}",
        "num_fewshot": 0,
        "generation_kwargs": {"until": [STOP], "max_gen_toks": max_tokens, "do_sample": False},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    }
    (folder / "same_prompts.yaml").write_text(yaml.safe_dump(task))
    return prompts


def run_side(
    command: list[str], environment: dict[str, str], folder: Path
) -> tuple[float, float, float, float]:
    """Seconds of the generation and of the whole process, then their processor seconds."""
    start, cpu = time.perf_counter(), children_cpu_s()
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    process_s = time.perf_counter() - start
    said = [line for line in done.stderr.splitlines() if line.startswith("generation ")]
    if done.returncode or not said:
        raise SystemExit(f"{' '.join(command[3:])} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    _, generation_s, generation_cpu_s = said[-1].split()
    return float(generation_s), process_s, float(generation_cpu_s), children_cpu_s() - cpu


def children_cpu_s() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def run_evalkit(suite: Path, home: Path, environment: dict[str, str]) -> Took:
    """`evalkit run` of the suite, without the response cache."""
    with tempfile.TemporaryDirectory(dir=home) as reports:
        command = [sys.executable, "-c", OURS, "run", str(suite), "--no-cache", "-o", reports]
        seconds = run_side(command, environment, home)
        (run,) = (Path(reports) / suite.name).iterdir()
        return Took(*seconds, {row.case_id: row.output or "" for row in RunFolder(run).samples()})


def run_lm_eval(python: Path, task: Path, model: Path, batch: str, environment: dict[str, str]) -> Took:
    """`lm_eval run` of the task."""
    with tempfile.TemporaryDirectory(dir=task) as output:
        arguments = ["--model", "hf", "--model_args", f"pretrained={model.resolve()},dtype=float32"]
        arguments += ["--device", "cpu", "--batch_size", batch, "--tasks", "same_prompts"]
        arguments += ["--include_path", str(task), "--output_path", output, "--log_samples"]
        seconds = run_side([str(python), "-c", THEIRS, *arguments], environment, task)
        (log,) = Path(output).rglob("samples_*.jsonl")
        rows = [json.loads(line) for line in log.read_text().splitlines()]
        for row in rows:
            sent = row["arguments"]["gen_args_0"]["arg_0"]
            if sent != row["doc"]["prompt"]:
                raise SystemExit(f"lm-eval sent another prompt for {row['doc']['id']}: {sent!r}")
        return Took(*seconds, {row["doc"]["id"]: row["resps"][0][0] for row in rows})


def differences(ours: dict[str, str], theirs: dict[str, str]) -> list[str]:
    """Cases whose answers differ by more than the space around them, which evalkit takes off."""
    return [
        f"{name}: evalkit {ours[name]!r}, lm-eval {theirs.get(name)!r}"
        for name in ours
        if ours[name].strip() != (theirs.get(name) or "").strip()
    ]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--suite", choices=["support-desk", "ticket-routing", "it-helpdesk"], default="support-desk"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", help=MODEL_HELP)
    parser.add_argument("--max-tokens", type=int, default=32)
    parser.add_argument("--batch", nargs="+", default=["16", "32", "64", "128", "256", "auto"])
    parser.add_argument("--limit", type=int, help="the first cases only")
    parser.add_argument("--threads", type=int, help="of torch, on both sides; else as many as torch takes")
    arguments = parser.parse_args()
    model = folder_of_model(arguments.model)
    python = own_environment("lm-eval", PACKAGES)
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "OMP_WAIT_POLICY": "PASSIVE",  # ours sets it; on a busy machine it helps the other side as well
        **({"OMP_NUM_THREADS": str(arguments.threads)} if arguments.threads else {}),
    }
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary).resolve()
        environment |= {"HF_HOME": str(home / "hub"), "EVALKIT_CACHE_DIR": str(home / "cache")}
        suite, task = home / arguments.suite, home / "task"
        suite.mkdir()
        task.mkdir()
        make_suite(arguments.suite, suite, model, arguments.max_tokens, arguments.limit)
        cases = len(write_task(suite, task, model, arguments.max_tokens))
        print(
            f"{arguments.suite}: {cases} cases, {SHOTS} shots, at most {arguments.max_tokens} tokens, greedy, stop at "
            f"the newline; lm-eval {version_in(python, 'lm_eval')} with transformers "
            f"{version_in(python, 'transformers')} and torch {version_in(python, 'torch')}",
            flush=True,
        )
        tried: dict[str, Took] = {}
        for batch in arguments.batch:
            tried[batch] = run_lm_eval(python, task, model, batch, environment)
            print(
                f"  lm-eval, batch {batch:>4}: {cases / tried[batch].generation_s:7.1f} cases/s, "
                f"{cases / tried[batch].generation_cpu_s:7.1f} a processor second",
                flush=True,
            )
        best = min(tried, key=lambda batch: tried[batch].generation_cpu_s)
        ours, theirs = [], [tried[best]]
        for number in range(arguments.rounds):
            ours.append(run_evalkit(suite, home, environment))
            if number:
                theirs.append(run_lm_eval(python, task, model, best, environment))
            print(
                f"  round {number + 1}: evalkit {ours[-1].generation_s:6.2f} s of {ours[-1].process_s:6.2f} s, "
                f"lm-eval at batch {best} {theirs[-1].generation_s:6.2f} s of {theirs[-1].process_s:6.2f} s",
                flush=True,
            )
    ratios = {}
    for part in ("generation_s", "process_s", "generation_cpu_s", "process_cpu_s"):
        left, right = (statistics.median(getattr(took, part) for took in side) for side in (ours, theirs))
        ratios[part] = right / left
        print(
            f"{part.removesuffix('_s'):<14}  evalkit {cases / left:7.1f} cases/s, "
            f"lm-eval {cases / right:7.1f} cases/s, ratio {right / left:.2f}"
        )
    differing = differences(ours[0].answers, theirs[0].answers)
    print(f"same answers: {cases - len(differing)} of {cases}")
    for line in differing[:5]:
        print(f"  {line}")
    held = ratios["generation_s"] >= ASKED and not differing
    print(f"{'yes' if held else 'NO '}  at least {ASKED:g} times the cases per second, the same answers")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
