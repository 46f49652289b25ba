"""Mutated run folders: every command that reads one ends well, with the figures of before or with what is wrong.

    python tests/benchmarks/mutate_run_folders.py [COUNT] [SEED] [PROCESSES]

The default is 10,000 mutated folders; the test suite has a dozen. The run is small: two recorded arms, 12 cases. Each
process reads up to 250 folders with calls of its own, then a fresh one takes the next; part N has the seed SEED + N and
is repeated by ``mutate_run_folders.py --part COUNT SEED``. Every second scoring and resumption writes JSON, not tables.
Equal charts are drawn once a process: the renderer is no reader, and takes most of the time.

It is mutated as one that has ended and is sealed, as one of before runs were sealed, and as one that was broken off. A
mutation cuts, empties or removes a file, puts a folder or a device in its place, damages bytes, removes, repeats, moves
or replaces a line, puts bytes that are no UTF-8 or a nesting of 5,000 into it, or gives a number or a text another
value. Then each reader gets a copy of it: decide, report, compare (alone and with another run), score, run --resume,
and the frames of Python. Well means

- exit 0, with the figures of the run that was not touched;
- exit 104 where the run now owes answers;
- exit 2 with a message that names a file of the run, and the line where a file of rows is at fault.

What no digest was kept of may be changed without anybody knowing: of a run without a seal the values stay as they are
here. Answers that a run lost before it ended are owed: all but ``run --resume`` read what is left, and say so.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import vl_convert

from evalkit import load_run
from evalkit.cli.main import run
from evalkit.errors import InputError

SUITE = """\
name: mutated
use_case: {primary_metric: exact_match, target: 0.8}
cases: {path: cases.jsonl, fields: {input: question, reference: answer, cluster: fact, tags: [area]}}
models:
  shown: {type: recorded, path: shown.jsonl, kind: few_shot, price: plain}
  taught: {type: recorded, path: taught.jsonl, kind: fine_tuned, price: plain, training: {cost: 10}}
arms: {few_shot: {model: shown}, fine_tuned: {model: taught}}
metrics: [exact_match, token_f1]
run: {seed: 7}
prices: {plain: {input: 1.0, output: 4.0, as_of: 2026-11-01, source: made up}}
economics:
  requests_per_month: {low: 10, mode: 1000, high: 9000}
  value_per_correct: 0.01
  training: {labour_hours: 2, labour_rate: 60}
decision: {margin: 0.03, draws: 500}
"""
CASES = 12
DERIVED = re.compile(r"report\.(html|md|json)")
BESIDE_THE_FIGURES = {"run", "run_id", "suite_path"}
ODD_NUMBERS = ("-1", "5", "1e300", "-1e308", "1" + "0" * 30, "NaN", "null", '"x"', "0.123", "[]")

Mutation = Callable[[Path, random.Random], None]


def write_suite(folder: Path) -> Path:
    """The suite with its answers."""
    folder.mkdir()
    (folder / "suite.yaml").write_text(SUITE, encoding="utf-8")
    cases = [
        {
            "id": f"c{at}",
            "question": f"question {at}",
            "answer": "yes",
            "fact": f"f{at}",
            "area": "ab"[at % 2],
        }
        for at in range(CASES)
    ]
    _write_rows(folder / "cases.jsonl", cases)
    for name, rate in (("shown", 3), ("taught", 4)):
        rows = [
            {
                "case_id": f"c{at}",
                "output": "yes" if at % rate else "no",
                "usage": {"input": 100, "output": 10},
                "service_s": 0.2,
            }
            for at in range(CASES)
        ]
        _write_rows(folder / f"{name}.jsonl", rows)
    return folder


def _write_rows(file: Path, rows: list[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _cut(file: Path, chance: random.Random) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: chance.randrange(len(content))])


def _on_lines(change: Callable[[list[bytes], int, random.Random], None]) -> Mutation:
    def mutate(file: Path, chance: random.Random) -> None:
        lines = file.read_bytes().splitlines(keepends=True)
        change(lines, chance.randrange(len(lines)), chance)
        file.write_bytes(b"".join(lines))

    return mutate


def _garbage(lines: list[bytes], at: int, chance: random.Random) -> None:
    lines[at] = chance.choice([b"{garbage\n", b"\0" * len(lines[at]) + b"\n", b"\n", b"[]\n", b"5\n"])


def _no_utf8(lines: list[bytes], at: int, chance: random.Random) -> None:
    place = chance.randrange(len(lines[at]))
    lines[at] = lines[at][:place] + b"\xff\xfe" + lines[at][place:]


def _nested(lines: list[bytes], at: int, chance: random.Random) -> None:
    deep = b"[" * 5000 + b"]" * 5000
    lines[at] = lines[at].rstrip().removesuffix(b"}") + b',"x":' + deep + b"}\n"


def _flip(file: Path, chance: random.Random) -> None:
    content = bytearray(file.read_bytes())
    for _ in range(chance.choice([1, 1, 3, 40])):
        content[chance.randrange(len(content))] = chance.randrange(256)
    file.write_bytes(bytes(content))


def _number(file: Path, chance: random.Random) -> None:
    text = file.read_text(encoding="utf-8")
    found = list(re.finditer(r"(?<=[:\[ ])-?\d+(\.\d+)?(e-?\d+)?(?=[,\]}\n])", text))
    if found:
        number = chance.choice(found)
        file.write_text(
            text[: number.start()] + chance.choice(ODD_NUMBERS) + text[number.end() :], encoding="utf-8"
        )


def _word(file: Path, chance: random.Random) -> None:
    text = file.read_text(encoding="utf-8")
    found = list(re.finditer(r'"[\w.-]+"', text))
    if found:
        word = chance.choice(found)
        other = chance.choice(['"ghost"', '""', chance.choice(found)[0], "7"])
        file.write_text(text[: word.start()] + other + text[word.end() :], encoding="utf-8")


def _folder(file: Path, chance: random.Random) -> None:
    file.unlink()
    file.mkdir()


def _device(file: Path, chance: random.Random) -> None:
    file.unlink()
    file.symlink_to(chance.choice(["/dev/zero", "/dev/null", "nowhere"]))


TORN: dict[str, Mutation] = {
    "cut": _cut,
    "emptied": lambda file, chance: file.write_bytes(b""),
    "removed": lambda file, chance: file.unlink(),
    "a folder": _folder,
    "a device": _device,
    "garbage": _on_lines(_garbage),
    "no UTF-8": _on_lines(_no_utf8),
    "nested": _on_lines(_nested),
    "line repeated": _on_lines(lambda lines, at, chance: lines.insert(at, lines[at])),
}
"""What a kill, a full disk or a bad copy does to a file, and an attack that changes no value."""
CHANGED: dict[str, Mutation] = {
    "bytes": _flip,
    "number": _number,
    "word": _word,
    "line removed": _on_lines(lambda lines, at, chance: lines.pop(at) and None),
    "lines swapped": _on_lines(lambda lines, at, chance: lines.insert(0, lines.pop(at))),
}
"""What only a digest tells in every case."""


class Mutations:
    """A run and its mutated copies.

    Args:
        home: An empty folder.
        chance: Decides what is mutated, and how.
    """

    def __init__(self, home: Path, chance: random.Random) -> None:
        self._home = home
        self._chance = chance
        self._suite = write_suite(home / "suite")
        self._reports = home / "reports"
        self.faults: list[str] = []
        self.ends: Counter[str] = Counter()
        code, _, said = self._call("run", self._suite, "-o", self._reports)
        assert code == 0, said
        (self._run,) = (self._reports / "mutated").iterdir()
        self._other = shutil.copytree(self._run, home / "other")
        self._states = {"sealed": self._run, "older": self._older(), "broken off": self._broken_off()}
        self._expected: dict[tuple[str, str], Any] = {}

    def mutate(self, count: int) -> Counter[str]:
        """Mutate ``count`` folders and have each read by every reader; gives how the readers ended."""
        for number in range(count):
            state = self._chance.choice([*self._states, "sealed"])
            kinds = TORN | CHANGED if state == "sealed" else TORN
            source = self._states[state]
            names = sorted(path.name for path in source.iterdir() if not path.name.startswith("."))
            name, kind = self._chance.choice(names), self._chance.choice(list(kinds))
            mutated = shutil.copytree(source, self._home / "mutated")
            kinds[kind](mutated / name, self._chance)
            for reader in READERS:
                folder = shutil.copytree(mutated, self._home / "copy", symlinks=True)
                self._judge(f"{number}: {state}, {name} {kind}, {reader}", state, name, reader, folder)
                shutil.rmtree(folder)
            shutil.rmtree(mutated)
        return self.ends

    def _judge(self, what: str, state: str, name: str, reader: str, folder: Path) -> None:
        code, figures, said = self._read(reader, folder)
        self.ends[f"{reader}: {code}"] += 1
        fewer = (
            state == "broken off" and name == "samples.jsonl" and reader != "resume"
        )  # what is left, is read
        if code == 0 and not fewer and figures != self._figures_of(state, reader):
            self.faults.append(f"{what}: exit 0 with other figures")
        elif code == 2 and str(folder) not in said:
            self.faults.append(f"{what}: exit 2 and no file of the run named: {said[-300:]}")
        elif code == 2 and name.endswith(".jsonl") and f"{name}: " in said and not _whole_file(said):
            self.faults.append(f"{what}: exit 2 and no line named: {said[-300:]}")
        elif (code == 104 and state == "sealed") or code not in (0, 2, 104):
            self.faults.append(f"{what}: exit {code}: {said[-300:]}")

    def _figures_of(self, state: str, reader: str) -> Any:
        """Of the run that was not touched."""
        if (state, reader) not in self._expected:
            copy = shutil.copytree(self._states[state], self._home / "untouched")
            self._expected[state, reader] = self._read(reader, copy)[1]
            shutil.rmtree(copy)
        return self._expected[state, reader]

    def _read(self, reader: str, folder: Path) -> tuple[int, Any, str]:
        """Exit code, figures, and what was said."""
        if reader == "frames":
            return _frames(folder)
        arguments = [*READERS[reader](self._suite, folder, self._other), "-o", self._reports]
        if reader in ("score", "resume") and self._chance.random() < 0.5:
            arguments.append("--json")
        code, out, said = self._call(*arguments)
        if code:
            return code, None, said
        if reader in ("decide", "compare", "compare two"):
            return code, _without_names(json.loads(out)), said
        kept = {name: _without_names(json.loads((folder / name).read_bytes())) for name in ("report.json",)}
        if reader in ("score", "resume"):
            kept["scores"] = sorted((folder / "scores.jsonl").read_bytes().splitlines())
        return code, kept, said

    @staticmethod
    def _call(*arguments: object) -> tuple[int, str, str]:
        out, said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline=""), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
            code = run([str(argument) for argument in arguments])
            out.flush()
        return code, out.buffer.getvalue().decode("utf-8"), said.getvalue()

    def _older(self) -> Path:
        """The run as it was written before there were seals."""
        folder = shutil.copytree(self._run, self._home / "older")
        return _with_manifest(folder, lambda manifest: [manifest.pop("files"), manifest.pop("seal")])

    def _broken_off(self) -> Path:
        """The run as a kill leaves it: some answers, no scores."""
        folder = shutil.copytree(self._run, self._home / "broken-off")
        for file in folder.iterdir():
            if DERIVED.fullmatch(file.name) or file.name in (
                "scores.jsonl",
                "comparison.json",
                "decision.json",
            ):
                file.unlink()
        (folder / "negative_control.json").unlink()
        lines = (folder / "samples.jsonl").read_bytes().splitlines(keepends=True)
        (folder / "samples.jsonl").write_bytes(b"".join(lines[: CASES + 3]))
        return _with_manifest(folder, lambda manifest: manifest.update(files={}, seal=None, finished_at=None))


READERS: dict[str, Callable[[Path, Path, Path], list[object]]] = {
    "decide": lambda suite, folder, other: ["decide", folder, "--json"],
    "report": lambda suite, folder, other: ["report", folder],
    "compare": lambda suite, folder, other: ["compare", folder, "--json"],
    "compare two": lambda suite, folder, other: ["compare", other, folder, "--json"],
    "score": lambda suite, folder, other: ["score", folder],
    "resume": lambda suite, folder, other: ["run", suite, "--resume", folder],
    "frames": lambda suite, folder, other: [],
}
"""Arguments of the command that reads a run, from the suite's folder, the run and another run; Python has none."""


def _frames(folder: Path) -> tuple[int, Any, str]:
    try:
        loaded = load_run(folder)
        return 0, (loaded.wide().to_csv(), loaded.samples()["output"].tolist(), loaded.decision.verdict), ""
    except InputError as error:
        return error.exit_code, None, str(error)


def _with_manifest(folder: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def _whole_file(said: str) -> bool:
    """Whether a message is about a file as such, which has no line to name."""
    return bool(
        re.search(r"is no (regular )?file|cannot be (read|written)|holds 0 |was added|is no run", said)
    )


def _without_names(value: Any) -> Any:
    """Figures without where the run lies and when it was read."""
    if isinstance(value, dict):
        return {
            key: _without_names(inner)
            for key, inner in value.items()
            if key not in {*BESIDE_THE_FIGURES, "finished_at", "files", "seal"}
        }
    return [_without_names(inner) for inner in value] if isinstance(value, list) else value


PART = 250
"""Folders that one process reads."""


def draw_equal_charts_once() -> None:
    """The renderer's answer to a chart that it had before is the one of then: it knows nothing but the chart."""
    draw = vl_convert.vegalite_to_svg

    @functools.lru_cache(256)
    def drawn(chart: str, **options: Any) -> str:
        return draw(json.loads(chart), **{name: json.loads(value) for name, value in options.items()})

    def of(chart: Any, **options: Any) -> str:
        return drawn(json.dumps(chart), **{name: json.dumps(value) for name, value in options.items()})

    vl_convert.vegalite_to_svg = of


def read_part(count: int, seed: int) -> tuple[dict[str, int], list[str]]:
    """How the readers of ``count`` folders ended, and what was not well."""
    draw_equal_charts_once()
    with tempfile.TemporaryDirectory() as home:
        os.environ["EVALKIT_CACHE_DIR"] = str(Path(home) / "cache")
        mutations = Mutations(Path(home), random.Random(seed))
        return mutations.mutate(count), mutations.faults


def in_a_fresh_process(count: int, seed: int) -> tuple[dict[str, int], list[str]]:
    """The same; a process that ends by itself is a fault."""
    done = subprocess.run(
        [sys.executable, __file__, "--part", str(count), str(seed)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return {}, [f"the process of seed {seed} ended with {done.returncode}: {done.stderr[-600:]}"]
    ends, faults = json.loads(done.stdout.splitlines()[-1])
    return ends, [f"seed {seed}, folder {fault}" for fault in faults]


def main() -> None:
    if sys.argv[1:2] == ["--part"]:
        print(json.dumps(read_part(int(sys.argv[2]), int(sys.argv[3]))))
        return
    given = [int(text) for text in sys.argv[1:]]
    count, seed, processes = [*given, *(10_000, random.SystemRandom().randrange(10**6), 2)[len(given) :]]
    ends: Counter[str] = Counter()
    faults: list[str] = []
    sizes = [min(PART, count - begun) for begun in range(0, count, PART)]
    done = 0
    with ThreadPoolExecutor(processes) as pool:
        parts = {pool.submit(in_a_fresh_process, size, seed + at): size for at, size in enumerate(sizes)}
        for part in as_completed(parts):
            ended, wrong = part.result()
            ends.update(ended)
            faults += wrong
            done += parts[part]
            print(f"{done} folders, {len(faults)} faults", file=sys.stderr, flush=True)
            for fault in wrong:
                print(fault, file=sys.stderr, flush=True)
    print(f"{count} folders, seed {seed}, {len(READERS)} readers: {len(faults)} faults")
    for end, times in sorted(ends.items()):
        print(f"{end:20} {times}")
    for fault in faults:
        print(fault)
    if faults:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
