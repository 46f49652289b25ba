"""A run of twelve cases against an endpoint with one fault, and what is wrong with how it ended."""

from __future__ import annotations

import contextlib
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from evalkit.cli import main as door
from tests.builders.endpoint_faults import Fault
from tests.builders.raw_server import Asked, RawServer, delta, events, reply

CASES = 12
FAULTY = "question 5"


def run_with_fault(fault: Fault, folder: Path) -> list[str]:
    """Run, then resume at a mended endpoint.

    Returns:
        What is wrong, in words; empty where all is well.
    """

    def right(connection: Any, asked: Asked) -> bool:
        if not fault.stream:
            return reply(connection)
        usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
        body = events(delta("yes"), {**delta(finish="stop"), "usage": usage})
        return reply(connection, body, kind="text/event-stream")

    def faulty(connection: Any, asked: Asked) -> bool:
        met = fault.everywhere or _case_of(asked) == FAULTY
        return fault.does(connection, asked) if met else right(connection, asked)

    server = RawServer(faulty)
    try:
        suite = _write_suite(folder / "suite", server.url, stream=fault.stream)
        code, said = _command("run", str(suite), "-o", str(folder / "runs"))
        run = next((folder / "runs" / "faults").glob("*"), None)
        if run is None:
            return [f"no run was begun, exit code {code}: {said}"]
        rows = _rows(run)
        wrong = _wrong_first(fault, code, said, rows, Counter(map(_case_of, server.requests)))
        server.handler, before = right, len(server.requests)
        code, said = _command(
            "run", str(suite), "-o", str(folder / "runs"), "--resume", str(run), "--retry-errors"
        )
        again = Counter(map(_case_of, server.requests[before:]))
        return wrong + _wrong_after(code, said, rows, _rows(run), again)
    finally:
        server.close()


def _wrong_first(
    fault: Fault, code: int, said: str, rows: dict[str, dict[str, Any]], asked: Counter[str]
) -> list[str]:
    answered = {case for case, row in rows.items() if row["status"] == "ok"}
    wrong = [
        f"{case} was given {rows[case]['output']!r}" for case in answered if rows[case]["output"] != "yes"
    ]
    if fault.outcome == "refused":
        return wrong + ([] if (code, rows) == (104, {}) else [f"exit code {code}, {len(rows)} rows: {said}"])
    expected = 0 if fault.outcome == "answered" else 104
    if code != expected:
        wrong.append(f"exit code {code} and not {expected}: {said[-500:]}")
    every = {f"question {number}" for number in range(CASES)}
    owed = set() if fault.outcome == "answered" else {FAULTY}
    if answered != every - owed or set(rows) != every:
        wrong.append(f"answered {sorted(answered)}, rows of {sorted(rows)}")
    twice = [case for case in answered if asked[case] != 1]
    return wrong + [f"{case} was asked {asked[case]} times" for case in twice]


def _wrong_after(
    code: int,
    said: str,
    before: dict[str, dict[str, Any]],
    after: dict[str, dict[str, Any]],
    asked: Counter[str],
) -> list[str]:
    owed = CASES - sum(row["status"] == "ok" for row in before.values())
    wrong = [] if code == 0 else [f"resumed: exit code {code}: {said[-500:]}"]
    if sum(row["status"] == "ok" for row in after.values()) != CASES:
        wrong.append(f"resumed: {len(after)} rows")
    if sum(asked.values()) != owed:
        wrong.append(f"resumed: {owed} cells were owed, {sum(asked.values())} requests sent")
    return wrong


def _write_suite(folder: Path, url: str, *, stream: bool) -> Path:
    folder.mkdir(parents=True)
    cases = [
        {"id": f"question {number}", "input": f"question {number}", "reference": "yes"}
        for number in range(CASES)
    ]
    (folder / "cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    model = {"type": "openai", "model": "m", "base_url": url, "timeout_s": 5, "max_attempts": 1}
    suite = {
        "name": "faults",
        "cases": "cases.jsonl",
        "models": {"base": {**model, "stream": stream, "max_concurrency": 4}},
        "arms": {"zero_shot": {"model": "base"}},
        "metrics": ["exact_match"],
        "run": {"latency": {"isolated": 0}},
        "prices": {"m": {"input": 1.0, "output": 4.0, "as_of": "2026-11-01", "source": "made up"}},
        "decision": {"draws": 500},
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite))
    return folder


def _command(*arguments: str) -> tuple[int, str]:
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        code = door.run([*arguments, "--no-cache"])
    return code, said.getvalue()


def _rows(run: Path) -> dict[str, dict[str, Any]]:
    """The last row of each case."""
    file = run / "samples.jsonl"
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return {row["case_id"]: row for row in map(json.loads, lines)}


def _case_of(asked: Asked) -> str:
    return str(json.loads(asked.body)["messages"][-1]["content"])
