"""A suite that ships, as its test module names it: ``FOLDER``."""

import pytest

from evalkit.arms.build import build_arms
from evalkit.arms.expand import expand_arms
from evalkit.data.cases import read_cases
from evalkit.data.corpus import read_corpus
from evalkit.data.examples import read_examples
from evalkit.suite.load import load_suite


@pytest.fixture(scope="module")
def suite(request):
    return load_suite(request.module.FOLDER)


@pytest.fixture(scope="module")
def cases(suite):
    with read_cases(suite) as cases:
        return list(cases)


@pytest.fixture(scope="module")
def examples(suite):
    return read_examples(suite.path("train.jsonl"), suite)


@pytest.fixture(scope="module")
def arms(suite, cases):
    built = build_arms(
        suite,
        expand_arms(suite),
        cases,
        read_examples=lambda path: read_examples(suite.path(path), suite),
        read_corpus=lambda path: read_corpus(suite.path(path)),
    )
    return {arm.name: arm for arm in built}
