"""Functions on texts take time in proportion to the text: a reduced form of ``tests/benchmarks/bench_text_linear``."""

import pytest

from tests.benchmarks.bench_text_linear import FUNCTIONS, growths

TEXTS = ("!", " ", "1", "-", "\n", "\u4e2d", "\u0301", "1,", "- ", "![", "a.b@", "[a](")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_four_times_the_text_takes_no_sixteen_times_the_time(name):
    """By processor time, the least of three rounds; up to 0.2 s for 10,000 characters no growth is looked for."""
    for growth in growths([name], TEXTS, long=10_000, noticed_s=0.2):
        assert growth.ratio < 10, growth
