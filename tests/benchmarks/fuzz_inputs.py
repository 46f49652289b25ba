"""Mutated suites and data files: each is accepted or refused with a file and a reason, never a traceback.

    python tests/benchmarks/fuzz_inputs.py [COUNT] [SEED]

The default is 10,000 mutations; the test suite runs 500. There are four small suites: data as JSONL with full
economics, as CSV and TSV with a folder of texts, as Parquet, and one whose models are local, which is only validated.
A mutation changes bytes, lines, keys or values of one of the files (one in five is mutated twice), empties it, replaces
it by a folder, removes it, or makes a line of it 5 MB long; a quarter of them give whole files other column names,
another published form, other ids, units or weights (``reshape_inputs.py``). Then the suite is run. Accepted means exit
0, or 104 where answers are missing; where a change keeps the meaning of the suite, the scores must be those of before.
Refused means exit 2 and a message that names a file. After a refusal no run folder may be there; after anything else
its run must be whole, and no file of it may end in the middle.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow
import yaml
from pyarrow import parquet

from evalkit.cli.main import run
from tests.benchmarks.reshape_inputs import Files, reshape

SUITE = """\
name: fuzzed
use_case: {primary_metric: exact_match, target: 0.9}
cases:
  path: cases.jsonl
  fields: {input: question, reference: answer, cluster: fact, tags: [area], gold_passages: docs}
extra_cases: {other: {path: other.jsonl, fields: {input: question, reference: answer}}}
prompts:
  plain:
    {system: "Be brief.", user: "{{input}} ({{area}})", shots: 1, examples: {path: train.jsonl, choose: fixed}}
models:
  shown: {type: recorded, path: shown.jsonl, kind: few_shot, price: plain}
  taught: {type: recorded, path: taught.jsonl, kind: fine_tuned, price: plain, training: {cost: 10}}
arms:
  few_shot: {model: shown, prompt: plain}
  fine_tuned:
    {model: taught, prompt: {base: plain, shots: 0}, retrieval: {corpus: corpus.jsonl, method: bm25, top_k: 1}}
metrics: [exact_match, {regex: {name: form, pattern: '^City'}}]
run: {repeats: 1, seed: 7, latency: {isolated: 2}}
prices: {plain: {input: 1.0, output: 4.0, input_cache_read: 0.1, as_of: 2026-11-01, source: made up}}
decision:
  {margin: 0.03, alpha: 0.05, confidence: 0.9, draws: 500, limits: {form: {min: 0.1}, p95_latency_s: {max: 2.0}}}
gate: {max_quality_drop: 0.05, max_cost_increase: 0.10}
"""
ECONOMICS = """\
economics:
  requests_per_month: {low: 10, mode: 1_000, high: 9_000}
  horizon_months: 12
  value_per_correct: 0.01
  cost_per_wrong: 0.001
  training: {labour_hours: {low: 1, mode: 2, high: 4}, labour_rate: 60, retune_hours: 1, failed_runs: 0.1}
  hosting: {tuned_per_hour: 0.01, hours_per_month: 730}
  retrieval: {search_per_request: 0.0001}
  retune_every_months: 6
  discount_rate: 0.05
  prompt_cache_hit: 0.8
  cost_per_case: 1.0
"""
LOCAL_MODELS = """\
models:
  shown: {type: embedded, device_hour: 0.1, max_tokens: 8}
  taught: {type: tuned, base: shown, train: train.jsonl, fractions: [0.5, 1.0]}
"""
TABLES = ("cases", "other", "shown", "taught", "train", "corpus")
ENDINGS = {
    "jsonl": dict.fromkeys(TABLES, "jsonl"),
    "tables": {**dict.fromkeys(TABLES, "csv"), "cases": "tsv", "taught": "tsv", "corpus": ""},
    "parquet": dict.fromkeys(TABLES, "parquet"),
    "local": dict.fromkeys(TABLES, "jsonl"),
}
HUGE = 5_000_000
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
    "，。！？　",
    "\u0000",
    "\ud83d\ude00",
    "\u202e\u200b\ufeff",
    "<script>alert(1)</script>",
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
    "（城）".encode(),
    b"NaN",
    b"Infinity",
    b"1e999",
    b"~",
    b"<<: ",
    b"%",
)
KINDS = (
    *("bytes",) * 6,
    *("line",) * 3,
    *("value",) * 9,
    *("key",) * 3,
    *("cut",) * 3,
    "empty",
    "folder",
    "gone",
    *("shape",) * 9,
)
SAME_SCORES = ", the same scores"
WHOLE = ("manifest.json", "comparison.json", "decision.json", "report.json", "report.html", "report.md")


def write_suite(folder: Path, kind: str = "jsonl") -> None:
    """Twelve facts asked once, answered by two arms.

    Args:
        folder: Made here.
        kind: One of ``ENDINGS``.
    """
    folder.mkdir(parents=True)
    text = SUITE + ECONOMICS if kind == "jsonl" else SUITE
    if kind == "local":
        before, rest = text.split("models:\n")
        text = before + LOCAL_MODELS + rest[rest.index("arms:") :]
    cases: list[dict[str, Any]] = [
        {
            "id": f"c{number}",
            "question": f"Capital {number}? 首都",
            "answer": f"City {number}",
            "fact": f"f{number}",
            "area": "n",
            "docs": f"d{number}",
        }
        for number in range(12)
    ]
    tables = {
        "cases": cases,
        "other": [{key: f"o{row[key]}" for key in ("id", "question", "answer")} for row in cases],
        "train": [{**row, "id": f"t{row['id']}", "question": f"Seat {row['id']}?"} for row in cases],
        "corpus": [{"id": row["docs"], "text": f"{row['answer']} is a city 城市."} for row in cases],
    }
    for name, share in (("shown", 3), ("taught", 1)):
        tables[name] = [
            {
                "case_id": case["id"],
                "output": case["answer"] if number % share == 0 else "no",
                "usage": {"input": 20, "output": 5},
                "service_s": 0.1,
            }
            for number, case in enumerate(cases)
        ]
    for name, ending in ENDINGS[kind].items():
        file = f"{name}.{ending}" if ending else name
        text = text.replace(f"{name}.jsonl", file)
        if ending:
            _write(folder / file, tables[name])
            continue
        (folder / file).mkdir()
        for row in tables[name]:
            (folder / file / f"{row['id']}.md").write_text(f"---\nid: {row['id']}\n---\n{row['text']}\n")
    (folder / "suite.yaml").write_text(text, encoding="utf-8")


def _read(file: Path) -> list[Any]:
    """Rows of a file that is still whole."""
    if file.suffix == ".parquet":
        return parquet.read_table(file).to_pylist()
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_bytes().splitlines()]
    return list(
        csv.DictReader(io.StringIO(file.read_text()), delimiter="," if file.suffix == ".csv" else "\t")
    )


def _write(file: Path, rows: list[Any]) -> None:
    """Rows as the format that the file's ending names; what the format cannot hold becomes JSON text."""
    if file.suffix == ".jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return
    columns = list(dict.fromkeys(key for row in rows for key in row))
    if file.suffix == ".parquet":
        try:
            table = pyarrow.Table.from_pylist([{name: row.get(name) for name in columns} for row in rows])
        except (pyarrow.ArrowException, OverflowError):  # a column has one kind of value
            table = pyarrow.Table.from_pylist(
                [{name: _text(row.get(name)) for name in columns} for row in rows]
            )
        parquet.write_table(table, file)
        return
    with file.open("w", newline="", encoding="utf-8", errors="surrogatepass") as stream:
        table = csv.writer(stream, delimiter="," if file.suffix == ".csv" else "\t")
        table.writerow(columns)
        table.writerows([_text(row.get(name)) for name in columns] for row in rows)


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def mutate(folder: Path, chance: random.Random) -> str:
    """Change one file, or one kind of columns in several; says what was done."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    texts = [path for path in files if path.suffix == ".md"]
    suite = folder / "suite.yaml"
    # A third of the mutations fall on the suite; the texts of a folder count as one file.
    rest = [path for path in files if path not in (*texts, suite)] + texts[:1]
    file = suite if suite in files and chance.random() < 1 / 3 else chance.choice(rest or files)
    kind = "huge" if chance.random() < 0.002 else chance.choice(KINDS)
    if kind in ("empty", "folder", "gone"):
        if kind == "empty":
            file.write_bytes(b"")
        else:
            file.unlink()
        if kind == "folder":
            file.mkdir()
        return f"{kind} {file.name}"
    content = file.read_bytes()
    if kind == "shape":
        try:
            return _reshape(folder, chance)
        except Exception:  # noqa: BLE001 - an earlier mutation left something unreadable
            kind = "bytes"
    if kind in ("value", "key") and file.suffix != ".md":
        try:
            _edit_file(file, kind, chance)
        except Exception:  # noqa: BLE001 - an earlier mutation left it unreadable, in one way or another
            kind = "bytes"
        else:
            return f"{kind} in {file.name}"
    if kind in ("bytes", "value", "key"):
        for _ in range(chance.choice((1, 1, 2, 5))):
            at = chance.randrange(len(content) + 1)
            content = content[:at] + chance.choice(PIECES) + content[at + chance.choice((0, 0, 1, 3)) :]
    elif kind == "cut":
        at = chance.randrange(len(content) + 1)
        content = content[:at] if chance.random() < 0.7 else content[at:]
    elif kind == "huge":
        at = chance.randrange(len(content) + 1)
        content = content[:at] + chance.choice((b"x", "城".encode(), b"[", b'"', b" ")) * HUGE + content[at:]
    else:
        content = _other_lines(content, chance)
    file.write_bytes(content)
    return f"{kind} in {file.name}"


def _reshape(folder: Path, chance: random.Random) -> str:
    files: Files = {
        name: (path, _read(path))
        for name in TABLES
        for path in folder.glob(f"{name}.*")
        if path.is_file() and path.suffix != ".md"
    }
    done, same = reshape(folder, files, chance)
    for path, rows in files.values():
        _write(path, rows)
    return f"{done}{SAME_SCORES if same else ''}"


def _other_lines(content: bytes, chance: random.Random) -> bytes:
    rows = content.splitlines(keepends=True)
    if not rows:
        return content
    at = chance.randrange(len(rows))
    action = chance.choice(("drop", "repeat", "swap"))
    if action == "drop":
        del rows[at]
    elif action == "repeat":
        rows.insert(at, rows[at])
    else:
        other = chance.randrange(len(rows))
        rows[at], rows[other] = rows[other], rows[at]
    return b"".join(rows)


def _edit_file(file: Path, kind: str, chance: random.Random) -> None:
    if file.name == "suite.yaml":
        data = yaml.safe_load(file.read_bytes())
        _edit(data, kind, chance)
        file.write_bytes(yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "surrogatepass"))
        return
    rows = _read(file)
    if rows:
        _edit(chance.choice(rows), kind, chance)
    _write(file, rows)


def _edit(data: Any, kind: str, chance: random.Random) -> None:
    """Change one key or value somewhere inside."""
    place: Any = data
    for _ in range(chance.randrange(5)):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        inside = [key for key in keys if isinstance(place[key], dict | list) and place[key]]
        if not inside:
            break
        place = place[chance.choice(inside)]
    keys = list(place) if isinstance(place, dict) else list(range(len(place)))
    if not keys:
        return
    key = chance.choice(keys)
    if kind == "value" or isinstance(place, list):
        place[key] = chance.choice(VALUES)
    else:
        value = place.pop(key)
        if chance.random() < 0.7:
            place[chance.choice((f"{key}x", str(key).upper(), "", "id", "path", "name"))] = value


def outcome(
    folder: Path, names: set[str], *, validate: bool = False, scores: Counter[str] | None = None
) -> str:
    """Run the suite in its folder, or only validate it.

    Args:
        folder: The suite.
        names: Its files, one of which a refusal must name.
        validate: Whether no model is to be run.
        scores: What an accepted run must score; None for anything.

    Returns:
        "accepted (0)", "accepted (104)", "refused (2)", or what is wrong.
    """
    err, out = io.StringIO(), io.StringIO()
    reports = folder.parent / "reports"
    command = (
        ["validate", str(folder)] if validate else ["run", str(folder), "-o", str(reports), "--no-cache"]
    )
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(out):
        code = run(command)
    runs = list(reports.glob("*/*"))
    if code in (0, 104):
        if validate:
            return f"accepted ({code})" if code == 0 else f"validate gave {code}"
        if len(runs) != 1:
            return f"exit {code} with {len(runs)} runs"
        if scores is not None and (scored := scores_of(runs[0])) != scores:
            return f"other scores: {scored - scores} in place of {scores - scored}"
        return _lacking(runs[0]) or f"accepted ({code})"
    if code != 2:
        return f"exit {code}: {err.getvalue()[-500:]}"
    if runs:
        return f"refused after a run was begun: {err.getvalue()[-500:]}"
    message = err.getvalue().strip()
    if not any(name in message for name in names) or ":" not in message or "Traceback" in message:
        return f"refused without a file: {message[-500:]}"
    return "refused (2)"


def scores_of(folder: Path) -> Counter[str]:
    """How often a run gave each arm each score of a metric."""
    rows = [json.loads(line) for line in (folder / "scores.jsonl").read_text(encoding="utf-8").splitlines()]
    return Counter(f"{row['arm']} {row['metric']} {row['value']}" for row in rows)


def _lacking(folder: Path) -> str | None:
    """What is missing from a run that ended."""
    for name in WHOLE:
        if not (folder / name).exists():
            return f"a run without {name}"
    for file in folder.rglob("*"):
        if file.name.endswith(".tmp"):
            return f"a run with {file.name} left over"
        if file.suffix == ".json":
            json.loads(file.read_bytes())
        elif file.suffix == ".jsonl":
            for line in file.read_bytes().split(b"\n")[:-1]:
                json.loads(line)
    page = (folder / "report.html").read_text(encoding="utf-8")
    return "a script of the data's in report.html" if "<script>alert" in page else None


def fuzz(count: int, seed: int, home: Path) -> Counter[str]:
    """Outcomes of ``count`` mutations; anything but accepted and refused names its mutation."""
    found: Counter[str] = Counter()
    kinds = list(ENDINGS)
    scores: dict[str, Counter[str]] = {}
    for kind in kinds:
        write_suite(home / "pristine" / kind, kind)
        if kind != "local":
            with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
                run(["run", str(home / "pristine" / kind), "-o", str(home / "scored" / kind), "--no-cache"])
            (scored,) = (home / "scored" / kind).glob("*/*")
            scores[kind] = scores_of(scored)
    for number in range(count):
        chance = random.Random(f"{seed}/{number}")
        kind = chance.choice(kinds)
        place = home / str(number)
        shutil.copytree(home / "pristine" / kind, place / "suite")
        names = {path.name for path in (place / "suite").rglob("*")}
        done = [kind] + [mutate(place / "suite", chance) for _ in range(chance.choice((1, 1, 1, 1, 2)))]
        same = len(done) == 2 and done[1].endswith(SAME_SCORES)
        result = outcome(
            place / "suite", names, validate=kind == "local", scores=scores.get(kind) if same else None
        )
        if not result.startswith(("accepted", "refused (2)")):
            result = f"{seed}/{number} ({', '.join(done)}): {result}"
            print(result, file=sys.stderr, flush=True)
        found[result] += 1
        shutil.rmtree(place)
        if number % 500 == 499:
            print(f"{number + 1} of {count}", dict(found.most_common(3)), file=sys.stderr, flush=True)
    return found


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with tempfile.TemporaryDirectory() as home:
        os.environ["EVALKIT_CACHE_DIR"] = f"{home}/cache"
        found = fuzz(count, seed, Path(home))
    for result, times in found.most_common():
        print(f"{times:6d}  {result}")
    if set(found) - {"accepted (0)", "accepted (104)", "refused (2)"}:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
