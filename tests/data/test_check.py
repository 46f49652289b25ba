"""Everything wrong with the files of a suite is said at once, before anything runs."""

import json

import pytest

from evalkit.data.check import check_files
from evalkit.errors import DataError
from evalkit.suite.load import build_suite
from evalkit.suite.source import parse_yaml

SUITE = """
name: small
cases: cases.jsonl
prompts:
  house: {shots: 1, examples: {path: shots.jsonl}}
models:
  base: {type: embedded}
  tuned: {type: tuned, base: base, train: train.jsonl}
  theirs: {type: recorded, path: answers.jsonl}
arms:
  rag: {model: base, retrieval: {corpus: corpus}}
  gold: {model: base, retrieval: {corpus: other, method: gold}}
  tuned: {model: tuned}
  theirs: {model: theirs}
metrics: [exact_match]
"""
FILES = {
    "cases.jsonl": [{"id": "a", "input": "q", "docs": ["p1"]}],
    "shots.jsonl": [{"input": "q2", "output": "x"}],
    "train.jsonl": [{"input": "q3", "output": "x"}],
    "answers.jsonl": [{"case_id": "a", "output": "x"}],
    "corpus/p1.md": "one",
    "other/p1.md": "one, cut otherwise",
}


def check(folder, **changes):
    for name, content in {**FILES, **changes}.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        if content is not None:
            path.write_text(content if isinstance(content, str) else "\n".join(map(json.dumps, content)))
    return check_files(build_suite(parse_yaml(SUITE, file="suite.yaml", folder=folder)))


def problems(folder, **changes):
    with pytest.raises(DataError) as caught:
        check(folder, **changes)
    return [str(problem) for problem in caught.value.problems]


def test_good_files_give_the_cases(tmp_path):
    """Ready for the run."""
    with check(tmp_path) as cases:
        assert list(cases.ids) == ["a"]


def test_problems_of_all_files_are_listed_together(tmp_path):
    """Missing files with the line of the suite that names them, bad rows with their own."""
    found = problems(
        tmp_path,
        **{
            "cases.jsonl": [{"id": "a"}],
            "shots.jsonl": [{"input": "q"}],
            "train.jsonl": None,
            "answers.jsonl": "{",
        },
    )
    assert len(found) == 4
    assert "cases.jsonl:1: has no input" in found[0]
    assert found[1].startswith("suite.yaml:8: models.tuned.train: no such file")
    assert "shots.jsonl:1: has no answer" in found[2]
    assert "answers.jsonl:1: " in found[3]


def test_gold_passages_that_no_corpus_has_are_listed(tmp_path):
    """Recall against them would be 0 for every retriever."""
    (said,) = problems(tmp_path, **{"cases.jsonl": [{"input": "q", "id": "a", "docs": ["p1", "p9"]}]})
    assert "1 gold passages of the cases are in no corpus, such as 'p9'" in said


def test_corpora_may_differ_but_the_gold_arms_must_have_the_gold_passages(tmp_path):
    """Cutting a corpus in another way is a fair comparison."""
    (said,) = problems(tmp_path, **{"other/p1.md": None, "other/p1-part.md": "x"})
    assert said.startswith(
        "suite.yaml:12: arms.gold.retrieval.method: other lacks gold passages, such as 'p1'"
    )
    (tmp_path / "corpus" / "p1.md").rename(tmp_path / "corpus" / "p1-part.md")
    check(tmp_path, **{"corpus/p1.md": None, "other/p1.md": "x"}).close()


def test_a_gold_arm_needs_cases_with_gold_passages(tmp_path):
    """Else it is the arm without retrieval under another name."""
    (said,) = problems(tmp_path, **{"cases.jsonl": [{"input": "q", "id": "a"}]})
    assert "gold needs cases with gold_passages" in said


def test_recorded_answers_of_other_cases_are_refused(tmp_path):
    """All of them would be missing."""
    (said,) = problems(tmp_path, **{"answers.jsonl": [{"case_id": "A", "output": "x"}]})
    assert said.startswith(
        "suite.yaml:9: models.theirs.path: no case_id of answers.jsonl is the id of a case"
    )


def test_a_file_without_a_line_to_blame_is_told_with_the_line_that_names_it(tmp_path):
    """A folder where a file is meant, or a file without a case."""
    (tmp_path / "train.jsonl").mkdir()
    said = problems(tmp_path, **{"train.jsonl": None, "cases.jsonl": ""})
    assert said[0].startswith("suite.yaml:3: cases.path: ")
    assert "cases.jsonl: " in said[0]
    assert said[1].startswith("suite.yaml:8: models.tuned.train: ")
    assert "is a folder" in said[1]


def test_a_path_that_no_disk_can_hold_is_no_such_file(tmp_path):
    """Found by the fuzzer: the operating system refuses such a name where it only says that others are missing."""
    text = SUITE.replace("path: shots.jsonl", f"path: {'a' * 5000}")
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(
            content if isinstance(content, str) else "\n".join(map(json.dumps, content))
        )
    with pytest.raises(DataError, match="no such file") as caught:
        check_files(build_suite(parse_yaml(text, file="suite.yaml", folder=tmp_path)))
    assert len(str(caught.value)) < 1000
    assert "suite.yaml:5" in str(caught.value)
