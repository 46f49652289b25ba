"""Mutated suite, case and answer files: each is accepted or refused with a file and a reason, never a traceback.

    python tests/benchmarks/fuzz_inputs.py [COUNT] [SEED]

The default is 10,000 mutations; the test suite runs 500. A mutation changes bytes, lines, keys or values of one of
the files of a small suite with recorded answers, then runs it. Accepted means exit 0, or 104 where answers are
missing. Refused means exit 2 and a message that names a file. After a refusal no run folder may be there; after
anything else its run must be whole.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

import yaml

from evalkit.cli.main import run

SUITE = """\
name: fuzzed
use_case: {primary_metric: exact_match, target: 0.9}
cases: {path: cases.jsonl, fields: {input: question, reference: answer, cluster: fact, tags: [area]}}
prompts: {plain: {system: "Be brief.", user: "{{input}} ({{area}})"}}
models:
  shown: {type: recorded, path: shown.jsonl, kind: few_shot, price: plain}
  taught: {type: recorded, path: taught.jsonl, kind: fine_tuned, price: plain, training: {cost: 10}}
arms:
  few_shot: {model: shown, prompt: plain}
  fine_tuned: {model: taught, prompt: plain}
metrics: [exact_match, {regex: {name: form, pattern: '^City'}}]
economics: {requests_per_month: {low: 10, mode: 1_000, high: 9_000}, value_per_correct: 0.01}
prices: {plain: {input: 1.0, output: 4.0, as_of: 2026-11-01, source: made up}}
decision: {draws: 500, limits: {form: {min: 0.1}}}
"""
FILES = ("suite.yaml", "cases.jsonl", "shown.jsonl", "taught.jsonl")
VALUES = (
    None,
    True,
    -1,
    0,
    1,
    2.5,
    1e308,
    -1e-308,
    10**30,
    "",
    " ",
    "x",
    "0",
    "nan",
    "城市",
    "\u0000",
    "\ud83d\ude00",
    "../..",
    "/etc/passwd",
    "{{input}}",
    "{{",
    "${HOME}",
    "a" * 5000,
    [],
    [1],
    ["x", "x"],
    {},
    {"a": 1},
    [[]],
    {"x": {"y": []}},
)
PIECES = (
    b"\x00",
    b"\xff",
    b"\n",
    b"\r\n",
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\t",
    b"- ",
    b"&a ",
    b"*a",
    b"!!",
    b"#",
    b"'",
    b"|",
    b"\xef\xbb\xbf",
    "\u2028".encode(),
    b"NaN",
    b"Infinity",
    b"1e999",
    b"~",
    b"<<: ",
    b"%",
)


def write_suite(folder: Path) -> None:
    """Twelve facts asked once, answered by two arms."""
    folder.mkdir(parents=True)
    (folder / "suite.yaml").write_text(SUITE, encoding="utf-8")
    cases = [
        {
            "id": f"c{number}",
            "question": f"Capital {number}?",
            "answer": f"City {number}",
            "fact": f"f{number}",
            "area": "n",
        }
        for number in range(12)
    ]
    lines(folder / "cases.jsonl", cases)
    for name, share in (("shown", 3), ("taught", 1)):
        rows = [
            {
                "case_id": case["id"],
                "output": case["answer"] if number % share == 0 else "no",
                "usage": {"input": 20, "output": 5},
                "service_s": 0.1,
            }
            for number, case in enumerate(cases)
        ]
        lines(folder / f"{name}.jsonl", rows)


def lines(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def mutate(folder: Path, chance: random.Random) -> str:
    """Change one file; says what was done."""
    file = folder / chance.choice(FILES)
    content = file.read_bytes()
    kind = chance.choice(("bytes", "bytes", "line", "value", "value", "value", "key", "cut"))
    if kind == "bytes":
        for _ in range(chance.choice((1, 1, 2, 5))):
            at = chance.randrange(len(content) + 1)
            content = content[:at] + chance.choice(PIECES) + content[at + chance.choice((0, 0, 1, 3)) :]
    elif kind == "cut":
        at = chance.randrange(len(content))
        content = content[:at] if chance.random() < 0.7 else content[at:]
    elif kind == "line":
        rows = content.splitlines(keepends=True)
        at = chance.randrange(len(rows))
        action = chance.choice(("drop", "repeat", "swap"))
        if action == "drop":
            del rows[at]
        elif action == "repeat":
            rows.insert(at, rows[at])
        else:
            other = chance.randrange(len(rows))
            rows[at], rows[other] = rows[other], rows[at]
        content = b"".join(rows)
    else:
        content = _edited(file.name, content, kind, chance)
    file.write_bytes(content)
    return f"{kind} in {file.name}"


def _edited(name: str, content: bytes, kind: str, chance: random.Random) -> bytes:
    if name == "suite.yaml":
        data = yaml.safe_load(content)
        _edit(data, kind, chance)
        return yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "surrogatepass")
    rows = content.splitlines()
    at = chance.randrange(len(rows))
    row = json.loads(rows[at])
    _edit(row, kind, chance)
    rows[at] = json.dumps(row).encode()
    return b"\n".join(rows) + b"\n"


def _edit(data: dict, kind: str, chance: random.Random) -> None:
    """Change one key or value somewhere inside."""
    place: dict | list = data
    for _ in range(chance.randrange(5)):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        inside = [key for key in keys if isinstance(place[key], dict | list) and place[key]]
        if not inside:
            break
        place = place[chance.choice(inside)]
    keys = list(place) if isinstance(place, dict) else list(range(len(place)))
    key = chance.choice(keys)
    if kind == "value" or isinstance(place, list):
        place[key] = chance.choice(VALUES)
    else:
        value = place.pop(key)
        if chance.random() < 0.7:
            place[chance.choice((f"{key}x", str(key).upper(), "", "id", "path", "name"))] = value


def outcome(folder: Path) -> str:
    """Run the suite in its folder.

    Returns:
        "accepted", "refused", or what is wrong.
    """
    err, out = io.StringIO(), io.StringIO()
    reports = folder.parent / "reports"
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(out):
        code = run(["run", str(folder), "-o", str(reports), "--no-cache"])
    runs = list(reports.glob("*/*"))
    if code in (0, 104):
        whole = len(runs) == 1 and all((runs[0] / name).exists() for name in ("decision.json", "report.html"))
        return "accepted" if whole else f"exit {code} without a whole run"
    if code != 2:
        return f"exit {code}: {err.getvalue()[-500:]}"
    if runs:
        return f"refused after a run was begun: {err.getvalue()[-500:]}"
    message = err.getvalue().strip()
    if not any(name in message for name in FILES) or ":" not in message or "Traceback" in message:
        return f"refused without a file: {message[-500:]}"
    return "refused"


def fuzz(count: int, seed: int, home: Path) -> Counter[str]:
    """Outcomes of ``count`` mutations; anything but accepted and refused names its mutation."""
    found: Counter[str] = Counter()
    pristine = home / "pristine"
    write_suite(pristine)
    for number in range(count):
        place = home / str(number)
        shutil.copytree(pristine, place / "suite")
        done = [mutate(place / "suite", random.Random(f"{seed}/{number}")) for _ in range(1)]
        result = outcome(place / "suite")
        if result not in ("accepted", "refused"):
            result = f"{seed}/{number} ({', '.join(done)}): {result}"
        found[result] += 1
        shutil.rmtree(place)
    return found


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with tempfile.TemporaryDirectory() as home:
        os.environ["EVALKIT_CACHE_DIR"] = f"{home}/cache"
        found = fuzz(count, seed, Path(home))
    for result, times in found.most_common():
        print(f"{times:6d}  {result}")
    if set(found) - {"accepted", "refused"}:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
