"""Answers that loop and files that never end: a run goes on and ends, and a bad file is told at once, with its line."""

import json
import os
import subprocess
import sys

import evalkit
from evalkit.metrics import rouge_l
from evalkit.records.case import Case
from evalkit.records.sample import Sample, Status

COMMANDS = """
import contextlib, io, json, resource, sys, time
resource.setrlimit(resource.RLIMIT_DATA, (1_500_000_000, 1_500_000_000))
resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
from evalkit.cli.main import run
ended = []
for arguments in json.load(sys.stdin):
    said, began = io.StringIO(), time.process_time()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = run(arguments)
    ended.append({"code": code, "said": said.getvalue(), "cpu_s": time.process_time() - began})
print(json.dumps(ended))
"""
SUITE = """name: hostile
cases: {path: cases.jsonl, fields: {input: question, reference: answer}}
models:
  shown: {type: recorded, path: a.jsonl, kind: few_shot, price: plain}
  taught: {type: recorded, path: b.jsonl, kind: fine_tuned, price: plain, training: {cost: 10}}
arms: {few_shot: {model: shown}, fine_tuned: {model: taught}}
use_case: {primary_metric: exact_match}
prices: {plain: {input: 1, output: 4, as_of: 2026-11-01, source: made up}}
metrics:
  - exact_match
"""
BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefg", "bcdefgh", strict=True)
)


def write_suite(folder, *, answers=("x", "y"), suite=SUITE, files=None):
    """A suite of two arms whose first answers as told."""
    folder.mkdir()
    rows = [{"id": f"c{at}", "question": f"Question {at}?", "answer": "x"} for at in range(len(answers))]
    recorded = [{"case_id": f"c{at}", "output": answer} for at, answer in enumerate(answers)]
    right = [{"case_id": f"c{at}", "output": "x"} for at in range(len(answers))]
    for name, lines in (("cases", rows), ("a", recorded), ("b", right)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "suite.yaml").write_text(suite)
    for name, text in (files or {}).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def run_commands(commands, tmp_path, monkeypatch, timeout=600):
    """How commands end, one after the other in a process that may take 1.5 GB of data , and 2 minutes."""
    monkeypatch.setenv("EVALKIT_CACHE_DIR", str(tmp_path / "cache"))
    ended = subprocess.run(
        [sys.executable, "-c", COMMANDS],
        input=json.dumps([[str(part) for part in command] for command in commands]),
        capture_output=True,
        text=True,
        check=True,
        timeout=timeout,
    )
    return json.loads(ended.stdout)


def test_answers_that_loop_hold_no_run_up(tmp_path, monkeypatch):
    """One answer of 100,000 marks took 270 s, in proportion to the square of their number."""
    suite = write_suite(
        tmp_path / "loops",
        answers=("!" * 16_000, "!" * 100_000, "- " * 10_000, "![" * 8_000, "1," * 10_000, "中" * 5_000),
        suite=SUITE + "  - token_f1\n  - contains\n  - accuracy\n",
    )
    (ended,) = run_commands([("run", suite, "-o", tmp_path / "runs")], tmp_path, monkeypatch)
    assert ended["code"] == 0, ended["said"]
    assert ended["cpu_s"] < 60


def test_patterns_and_schemas_have_a_limit_for_each_answer(tmp_path, monkeypatch):
    """Over the limit the score is missing, with the reason; the run ends, and so does the resumed one."""
    metrics = (
        r"  - regex: {name: words, pattern: '^(\w+\s?)*$'}" + "\n"
        r"  - regex: {name: spaces, pattern: '\s+$'}" + "\n"
        r"  - json_schema: {name: address, schema: {properties: {e: {pattern: '^(\w+\.?)+@x$'}}}}" + "\n"
        "  - json_schema: {name: once, schema: {type: array, uniqueItems: true}}\n"
    )
    mixed = [number if number % 2 else str(number) for number in range(9_000)]
    suite = write_suite(
        tmp_path / "limits",
        answers=(
            "word " * 12 + "!",
            "x" + " " * 99_000 + "x",
            '{"e": "' + "a" * 40 + '!"}',
            json.dumps(mixed),
            json.dumps([*mixed, 1.0]),
        ),
        suite=SUITE + metrics,
    )
    first, again = run_commands(
        [
            ("run", suite, "-o", tmp_path / "runs"),
            ("run", suite, "-o", tmp_path / "runs", "--resume", "latest"),
        ],
        tmp_path,
        monkeypatch,
    )
    assert (first["code"], again["code"]) == (0, 0), (first["said"], again["said"])
    run = evalkit.load_run(next((tmp_path / "runs").glob("hostile/*/manifest.json")).parent)
    scores = {
        (row.case_id, row.metric): (row.value, row.reason)
        for row in run.folder.scores()
        if row.arm == "few_shot"
    }
    assert scores["c0", "words"] == (None, "time_limit")
    assert scores["c1", "spaces"] == (None, "time_limit")
    assert scores["c2", "address"] == (None, "time_limit")
    assert scores["c3", "once"] == (1.0, None)
    assert scores["c4", "once"] == (0.0, None)
    assert scores["c0", "spaces"] == (0.0, None)
    assert run.comparison.missing_reasons["words: time_limit"] == 1


def fifo(path):
    os.mkfifo(path)
    return path


def hostile_files(tmp_path):
    """What is given to ``validate``, and what its message says."""
    schema, corpus = (
        "  - json_schema: {path: %s}\n",
        ", rag: {model: shown, retrieval: {corpus: docs, top_k: 1}}}",
    )
    with_corpus = SUITE.replace("taught}}", "taught}" + corpus)
    texts = "x" * 1_000_000
    infinite = "  - json_schema: {schema: {$ref: '#'}}\n"
    for name, line, said, values in (
        ("zero", 11, "a device, not a regular file", {"suite": SUITE + schema % "/dev/zero"}),
        ("pipe", 11, "a named pipe, not a regular file", {"suite": SUITE + schema % "s.json"}),
        ("cases-device", 2, "not a regular file", {"suite": SUITE.replace("cases.jsonl", "/dev/zero")}),
        ("answers-device", 4, "not a regular file", {"suite": SUITE.replace("a.jsonl", "/dev/zero")}),
        ("deep", 11, "nested too deeply", {"suite": SUITE + "metadata: " + "[" * 5_000 + "]" * 5_000}),
        ("texts", 11, "aliases written out", {"suite": f"{SUITE}metadata: {{a: &a {texts}, b: [{'*a, ' * 3000}]}}"}),
        ("values", None, "too many nodes", {"suite": SUITE + "metadata:\n  " + BOMB.replace("\n", "\n  ")}),
        ("base-60", 11, "is no value of", {"suite": SUITE + "metadata: " + ":".join(["1"] * 300_000)}),
        ("no-day", 8, "is not a plain value", {"suite": SUITE.replace("2026-11-01", "2026-02-31")}),
        ("large", None, "larger than 2,000,000 bytes", {"suite": SUITE + "#" * 2_000_001}),
        ("dynamic", 11, "evalkit fetches none", {"suite": SUITE + infinite.replace("$ref: '#'", "$dynamicRef: 'http://127.0.0.1:9/x'")}),
        ("endless", 11, "refers to itself without end", {"suite": SUITE + infinite}),
        ("pattern", 11, "not a regular expression", {"suite": SUITE + infinite.replace("$ref: '#'", "pattern: '('")}),
        ("long-name", 10, "no metric is called", {"suite": SUITE.replace("exact_match\n", "y" * 100_000 + "\n")}),
    ):  # fmt: skip
        folder = write_suite(tmp_path / name, **values)
        place = f"{folder}/suite.yaml" + (f":{line}: " if line else "")
        yield folder, place, said
    fifo(tmp_path / "pipe" / "s.json")
    for name, text, line, said in (
        ("date", "---\ndate: 2026-02-31\n---\nhello", 2, "is not a plain value"),
        ("bomb", f"---\n{BOMB}id: *h\n---\nhello", None, "too many nodes"),
    ):
        folder = write_suite(tmp_path / name, suite=with_corpus, files={"docs/a.md": text})
        yield folder, f"{folder}/docs/a.md" + (f":{line}: " if line else ":"), said
    suite = write_suite(tmp_path / "piped-suite")
    (suite / "suite.yaml").unlink()
    fifo(suite / "suite.yaml")
    yield suite, f"{suite}/suite.yaml: ", "a named pipe, not a regular file"
    suite = write_suite(tmp_path / "piped-prompt", suite=SUITE + "prompts: {p: {from: dspy, path: p.json}}\n")
    fifo(suite / "p.json")
    yield suite, f"{suite}/suite.yaml:11: ", "is no file"


def test_files_that_never_end_are_told_at_once(tmp_path, monkeypatch):
    """Each with exit 2, file and line, before anything is asked, also where files outside the suite may be read."""
    given = list(hostile_files(tmp_path))
    variables = fifo(tmp_path / ".env")
    commands = [
        *(("validate", folder, "--allow-outside") for folder, _, _ in given),
        ("validate", given[0][0], "--env-file", variables),
    ]
    ended = run_commands(commands, tmp_path, monkeypatch)
    expected = [
        *((place, said) for _, place, said in given),
        (f"{variables}: ", "a named pipe, not a regular file"),
    ]
    for command, (place, said), end in zip(commands, expected, ended, strict=True):
        assert end["code"] == 2, (command, end)
        assert place in end["said"], (command, end)
        assert said in end["said"], (command, end)
        assert end["cpu_s"] < 15, (command, end)
        assert len(end["said"]) < 20_000 or "long-name" in str(command)


def test_rouge_l_compares_texts_up_to_a_stated_length(monkeypatch):
    """Its time is in proportion to the product of both lengths; above the cap the score is missing with a reason."""
    assert rouge_l.MOST_WORDS == 50_000
    monkeypatch.setattr(rouge_l, "MOST_WORDS", 50)

    def score(output, reference):
        case = Case(id="1", input="q", cluster="1", reference=(reference,))
        told = {"case_id": "1", "arm": "a", "status": Status.OK, "prompt_digest": "", "request_digest": ""}
        return rouge_l.RougeL().score(case, Sample(output=output, **told))

    assert score("x " * 51, "x").reason == "too_long"
    assert score("x", "x " * 51).reason == "too_long"
    assert score("x " * 50, "x").reason is None
