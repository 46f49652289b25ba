"""Peak memory of `evalkit run` with recorded answers, by number of cases.

    python tests/benchmarks/bench_memory.py [1000 10000 100000]

Two arms, one answer each. Prints the peak resident memory of the whole command and of the process while it answers
(the later stages hold arrays of scores), and the growth per case between the sizes.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SUITE = """\
name: many
cases: cases.jsonl
models:
  a: {type: recorded, path: a.jsonl, kind: few_shot}
  b: {type: recorded, path: b.jsonl, kind: fine_tuned}
arms: {few_shot: {model: a}, fine_tuned: {model: b}}
metrics: [exact_match]
decision: {draws: 500}
"""

WATCHED = """\
import resource, sys
from evalkit.pipeline import spine
from evalkit.cli.main import run
answer = spine.answer
async def measured(*arguments, **named):
    result = await answer(*arguments, **named)
    print("answering", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
    return result
spine.answer = measured
sys.exit(run(sys.argv[1:]))
"""


def write(folder: Path, count: int) -> None:
    folder.mkdir()
    (folder / "suite.yaml").write_text(SUITE)
    with (
        (folder / "cases.jsonl").open("w") as cases,
        (folder / "a.jsonl").open("w") as a,
        (folder / "b.jsonl").open("w") as b,
    ):
        for number in range(count):
            text = f"question {number} " + "some words to make a row of usual length " * 8
            cases.write(
                json.dumps({"id": f"case-{number}", "input": text, "reference": f"answer {number}"}) + "\n"
            )
            for file, share in ((a, 3), (b, 2)):
                output = f"answer {number}" if number % share else "no"
                usage = {"input": 200, "output": 4}
                file.write(json.dumps({"case_id": f"case-{number}", "output": output, "usage": usage}) + "\n")


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or [1_000, 10_000, 100_000]
    results: list[tuple[int, int, int]] = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as home:
            write(Path(home) / "suite", size)
            environment = {**os.environ, "EVALKIT_CACHE_DIR": f"{home}/cache"}
            command = [sys.executable, "-c", WATCHED, "run", f"{home}/suite", "-o", f"{home}/reports"]
            start = time.monotonic()
            process = subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
            _, err = process.communicate()
            seconds = time.monotonic() - start
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
            answering = int(
                next(line.split()[1] for line in err.splitlines() if line.startswith("answering"))
            )
            results.append((size, answering, peak))
            print(
                f"{size:>8,} cases: {answering / 1024:7.0f} MiB while answering, {peak / 1024:7.0f} MiB in all, "
                f"{seconds:.0f} s"
            )
    for (small, few, low), (large, many, high) in itertools.pairwise(results):
        grown = (many - few) * 1024 / (large - small), (high - low) * 1024 / (large - small)
        print(f"{small:,} to {large:,}: {grown[0]:.0f} bytes a case while answering, {grown[1]:.0f} in all")


if __name__ == "__main__":
    main()
