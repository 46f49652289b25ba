"""The rule of thumb for tokens of hosted models."""

from __future__ import annotations

from evalkit.text.token_rate import approximate_tokens


def test_each_script_has_its_rate():
    assert approximate_tokens("a" * 400) == 100
    assert approximate_tokens("可" * 400) == 400
    assert approximate_tokens("可以 renew" * 10) == 10 * (2 + 6 / 4)
    assert approximate_tokens("") == 0
