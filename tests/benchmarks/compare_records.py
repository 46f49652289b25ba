"""Whether two revisions make the same records of the same answers, byte for byte.

    python -m tests.benchmarks.compare_records f223013                  runs the suites by f223013 first, minutes
    python -m tests.benchmarks.compare_records f223013 --runs RUN ...   takes finished runs of these suites instead

Each run is copied twice; ``evalkit score`` by the revision named makes the scores, the comparison and the decision of
one copy, and by this checkout, as it lies there, those of the other. No model is asked. Run it from anywhere; the
runs given must have been made from the root of a repository, so that their manifests say ``suites/...``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.builders.recorded_runs import ROOT
from tests.builders.revision import run_evalkit, worktree

SUITES = ("support-desk", "zh-faq")
RECORDS = ("scores.jsonl", "comparison.json", "decision.json")


def record_answers(tree: Path, scratch: Path) -> Iterator[Path]:
    """A run of each suite, made by the product in ``tree``."""
    for suite in SUITES:
        run_evalkit(tree, "run", f"suites/{suite}", "-o", scratch / "recorded", cache=scratch / "cache")
        yield next((scratch / "recorded" / suite).iterdir())


def records_by(tree: Path, run: Path, scratch: Path) -> dict[str, bytes]:
    """What the product in ``tree`` makes of the answers in ``run``, by file name."""
    copied = scratch / "copies" / run.name
    shutil.rmtree(copied, ignore_errors=True)
    shutil.copytree(run, copied)
    for name in RECORDS:
        (copied / name).unlink()
    run_evalkit(tree, "score", copied, cache=scratch / "cache")
    return {name: (copied / name).read_bytes() for name in RECORDS}


def differences(before: Any, after: Any, place: str = "") -> Iterator[str]:
    """Where two JSON values differ, in the order of the file."""
    if isinstance(before, dict) and isinstance(after, dict) and list(before) == list(after):
        for key, value in before.items():
            yield from differences(value, after[key], f"{place}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{place}[{number}]")
    elif repr(before) != repr(after):
        yield f"{place or 'the file'}: {shortened(before)} before, {shortened(after)} after"


def shortened(value: Any, longest: int = 160) -> str:
    """A value as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= longest else text[:longest] + "…"


def parsed(name: str, content: bytes) -> Any:
    """A JSON file or the rows of a JSONL file."""
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in content.splitlines()]
    return json.loads(content)


def report(run: Path, before: dict[str, bytes], after: dict[str, bytes]) -> bool:
    """Print a line for each record of a run, with the first difference; gives whether all are equal."""
    equal = True
    for name in RECORDS:
        where = f"{run.parent.name}/{run.name}/{name}"
        if before[name] == after[name]:
            print(f"{where}: byte-equal, {len(before[name]):,} bytes")
            continue
        equal = False
        found = list(differences(parsed(name, before[name]), parsed(name, after[name])))
        first = found[0] if found else "only white space"
        print(f"{where}: differs in {max(len(found), 1)} places, first {first}")
    return equal


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compare the records of two revisions, byte for byte.")
    parser.add_argument("before", help="a revision of this repository")
    parser.add_argument("--runs", nargs="+", type=Path, metavar="RUN", help="folders of finished runs")
    options = parser.parse_args(arguments)
    with worktree(options.before) as tree, tempfile.TemporaryDirectory() as made:
        scratch = Path(made)
        runs = [run.resolve() for run in options.runs] if options.runs else record_answers(tree, scratch)
        equal = [report(run, records_by(tree, run, scratch), records_by(ROOT, run, scratch)) for run in runs]
    return 0 if all(equal) else 1


if __name__ == "__main__":
    sys.exit(main())
