"""The sections ``embedders`` and ``retrieval``: what is wrong is said with its line and the nearest name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.errors import SuiteError
from evalkit.suite.load import build_suite
from evalkit.suite.source import parse_yaml
from evalkit.suite.trust import Trust

HEAD = """\
name: s
cases: cases.jsonl
models: {m: {type: embedded}}
metrics: [exact_match]
"""


def suite(embedders: str, retrieval: str):
    text = f"{HEAD}embedders: {embedders}\narms:\n  a:\n    model: m\n    retrieval: {retrieval}\n"
    source = parse_yaml(text, file="suite.yaml", folder=Path())
    return build_suite(replace(source, trust=Trust(plugins="leave")))


@pytest.mark.parametrize(
    ("embedders", "retrieval", "line", "says"),
    [
        ("{}", "{corpus: c, method: dense}", 9, "dense needs an embedder: add a section like"),
        (
            "{one: {type: hashed}, two: {type: hashed}}",
            "{corpus: c, method: qdrant}",
            9,
            "'embedder' is missing",
        ),
        ("{small: {type: hashed}}", "{corpus: c, method: dense, embedder: smal}", 9, "Did you mean 'small'"),
        (
            "{small: {type: hashed}}",
            "{corpus: c, method: bm25, embedder: small}",
            9,
            "bm25 compares no vectors",
        ),
        (
            "{small: {type: hash}}",
            "{corpus: c}",
            5,
            "no embedder type is called 'hash'.*Did you mean 'hashed'",
        ),
        ("{small: {type: hashed, dimension: 8}}", "{corpus: c}", 5, "Did you mean 'dimensions'"),
        ("{small: {type: openai}}", "{corpus: c}", 5, "key 'model' is missing"),
        ("{s: {type: hashed}}", "{corpus: c, method: dens}", 9, "Did you mean 'dense'"),
        ("{s: {type: hashed}}", "{corpus: c, chunk: {by: headlines}}", 9, "Did you mean 'headings'"),
        ("{s: {type: hashed}}", "{corpus: c, chunk: {siz: 3}}", 9, "Did you mean 'size'"),
        ("{s: {type: hashed}}", "{corpus: c, chunk: {size: 3, overlap: 3}}", 9, "overlap must be below size"),
        ("{s: {type: hashed}}", "{corpus: c, method: gold, chunk: {size: 3}}", 9, "those are whole"),
    ],
)
def test_a_wrong_section_is_said_with_line_and_nearest_name(embedders, retrieval, line, says):
    with pytest.raises(SuiteError, match=says) as raised:
        suite(embedders, retrieval)
    assert [problem.line for problem in raised.value.problems] == [line]


def test_the_only_embedder_need_not_be_named():
    found = suite("{small: {type: hashed}}", "{corpus: c, method: hybrid}")
    assert found.embedder_of("a") == "small"
    assert found.embedders_used == ("small",)


def test_methods_without_vectors_use_none():
    found = suite("{small: {type: hashed}}", "{corpus: c}")
    assert found.embedder_of("a") is None
    assert found.embedders_used == ()


def test_a_plugin_embedder_keeps_its_own_options():
    found = suite("{mine: {type: 'my_pkg.mod:Class', anything: 3}}", "{corpus: c, method: dense}")
    assert found.embedders["mine"].model_dump()["anything"] == 3
