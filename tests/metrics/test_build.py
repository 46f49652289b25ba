"""From the suite's metrics section to metrics; mistakes come with their line."""

from dataclasses import replace

import pytest

from evalkit.errors import SuiteError
from evalkit.metrics.build import build_metrics
from evalkit.registry import METRICS
from evalkit.suite.load import build_suite
from evalkit.suite.source import parse_yaml
from evalkit.suite.trust import Trust

HEAD = """name: small
cases: cases.jsonl
models: {base: {type: embedded}}
arms: {zero: {model: base}}
metrics:
"""


def build(text, folder):
    source = parse_yaml(HEAD + text, file="suite.yaml", folder=folder)
    return build_metrics(build_suite(replace(source, trust=Trust(plugins="load"))))


def refusal(text, folder):
    with pytest.raises(SuiteError) as caught:
        build(text, folder)
    return str(caught.value)


def test_every_registered_metric_is_built_under_its_name(tmp_path):
    """In the suite's order, with options in both ways of writing them; paths are relative to the suite."""
    (tmp_path / "schema.json").write_text('{"type": "object"}')
    text = (
        "  - exact_match: {extract: '^(.*)$'}\n  - token_f1\n  - contains\n"
        "  - regex: {name: house_format, pattern: '^a'}\n"
        "  - {type: json_schema, name: shape, options: {path: schema.json}}\n  - rouge_l\n"
        "  - accuracy\n  - macro_f1: {labels: [a, b]}\n"
    )
    metrics = build(text, tmp_path)
    assert list(metrics) == [
        *("exact_match", "token_f1", "contains", "house_format", "shape", "rouge_l", "accuracy", "macro_f1")
    ]
    assert len(metrics) == len(METRICS.names()) - 1  # `imported` only names scores made elsewhere
    assert [metric.binary for metric in metrics.values()] == [
        *(True, False, True, True, True, False, True, False)
    ]


def test_a_metric_may_come_from_a_module_of_the_users(tmp_path, monkeypatch):
    """`my_pkg.mod:Class` is called with its options."""
    (tmp_path / "mine_for_test_build.py").write_text(
        "class Length:\n    binary = False\n    def __init__(self, *, most): self.most = most\n"
        "    def score(self, case, sample): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert build("  - mine_for_test_build:Length: {name: length, most: 3}\n", tmp_path)["length"].most == 3
    assert "takes no option 'least'. Defined: 'most'." in refusal(
        "  - mine_for_test_build:Length: {least: 3}\n", tmp_path
    )


def test_all_mistakes_are_listed_with_their_lines(tmp_path):
    """Unknown options with the nearest, wrong types, patterns that do not compile."""
    text = (
        "  - exact_match: {normalize: true}\n"
        "  - contains: {mode: some}\n"
        "  - token_f1: {n: 2}\n"
        "  - regex:\n      name: r\n      pattern: '['\n"
        "  - regex: {name: s}\n"
    )
    lines = refusal(text, tmp_path).splitlines()
    assert "suite.yaml:6: metrics.0: exact_match: takes no option 'normalize'" in lines[0]
    assert "Did you mean 'normalise'?" in lines[0]
    assert lines[1].startswith("suite.yaml:7: metrics.1.contains.mode: ")
    assert "takes no option 'n'. None is defined." in lines[2]
    assert lines[3].startswith("suite.yaml:9: metrics.3: ")
    assert "'[' is not a regular expression" in lines[3]
    assert "option 'pattern'" in lines[4]
    assert "required" in lines[4]


@pytest.mark.parametrize(
    ("use_case", "line"),
    [("use_case: {primary_metric: macro_f1}\n", 8), ("", 6)],
)
def test_a_metric_of_the_whole_corpus_cannot_carry_money(tmp_path, use_case, line):
    """Declared or first in the list: the message has its line and names the metrics that can."""
    metrics = "  - macro_f1: {labels: [a, b]}\n  - accuracy: {labels: [a, b]}\n"
    message = refusal(metrics + use_case, tmp_path)
    assert f"suite.yaml:{line}: " in message
    assert "gives none of them a value" in message
    assert "Defined: 'accuracy'" in message


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("macro_f1", "labels is missing"),
        ("macro_f1: {labels: [a]}", "at least two"),
        ("accuracy: {labels: [Heron, heron.]}", "'heron.', which reads the same as 'Heron'"),
        ("accuracy: {labels: [a, '']}", "empty label"),
        ("accuracy: {extract: '('}", "not a regular expression"),
    ],
)
def test_labels_that_cannot_be_told_apart_are_refused(tmp_path, options, told):
    assert told in refusal(f"  - token_f1\n  - {options}\n", tmp_path)
