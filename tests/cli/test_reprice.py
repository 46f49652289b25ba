"""``evalkit reprice``: the same answers at other prices."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

CHEAPER = """\
prices:
  plain: {input: 0.5, output: 2.0, as_of: 2027-02-01, source: a new list}
"""


@pytest.fixture
def prices(tmp_path):
    def write(text: str, name: str = "new.yaml"):
        file = tmp_path / name
        file.write_text(text)
        return file

    return write


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_costs_follow_from_each_answers_tokens_and_nothing_is_written(evalkit, tiny, tmp_path, prices):
    """200 tokens in at 1.00 and 5 out at 4.00 a million are 0.00022; at half the price half of that."""
    evalkit("run", tiny)
    (folder,) = (tmp_path / "reports" / "tiny").iterdir()
    before = contents(folder)
    done = evalkit("reprice", "latest", "--prices", prices(CHEAPER), "--json")
    assert done.code == 0, done.err
    arms = {arm["arm"]: arm for arm in done.json["arms"]}
    assert Decimal(arms["rag"]["old_observed"]) == Decimal("0.00022")
    assert Decimal(arms["rag"]["new_observed"]) == Decimal("0.00011")
    assert Decimal(arms["rag"]["new_decided"]) == Decimal("0.00011")
    assert arms["fine_tuned"]["new_observed"] == arms["fine_tuned"]["old_observed"]
    assert not done.json["written"]
    dates = {price["item"]: price["as_of"] for price in done.json["new_prices"]}
    assert dates["shown: input, per million tokens"] == "2027-02-01"
    assert dates["taught: input, per million tokens"] == "2026-11-01"
    assert contents(folder) == before


def test_a_verdict_that_changes_is_told(evalkit, tiny, prices):
    """At a thousand times the price no tuned answer is worth its cost."""
    evalkit("run", tiny)
    dear = "prices: {taught: {input: 2000, output: 8000, as_of: 2027-02-01, source: a new list}}"
    done = evalkit("reprice", "latest", "--prices", prices(dear))
    assert done.code == 0, done.err
    text = " ".join(done.out.split())
    assert "The verdict changes: from fine_tune (fine_tuned) to" in text
    assert "2027-02-01" in text
    assert "Nothing was written" in text


def test_written_prices_are_what_later_decisions_use(evalkit, tiny, tmp_path, prices):
    evalkit("run", tiny)
    (folder,) = (tmp_path / "reports" / "tiny").iterdir()
    samples = (folder / "samples.jsonl").read_bytes()
    first = evalkit("decide", "latest", "--json").json
    file = prices(
        json.dumps({"prices": {"plain": {"input": 0.5, "output": 2, "as_of": "2027-02-01", "source": "x"}}})
    )
    found = evalkit("reprice", "latest", "--prices", file, "--write", "--json").json
    assert found["written"]
    assert (folder / "samples.jsonl").read_bytes() == samples
    later = evalkit("decide", "latest", "--json").json
    assert later == found["decision"] == json.loads((folder / "decision.json").read_text())
    assert Decimal(later["arms"]["rag"]["cost_per_request"]) == Decimal("0.00011")
    assert later["inputs"]["digests"]["prices"] != first["inputs"]["digests"]["prices"]
    assert "2027-02-01" in (folder / "report.md").read_text()
    scored = evalkit("score", "latest", "--json").json
    assert Decimal(scored["arms"]["rag"]["cost_per_request"]) == Decimal("0.00011")
    assert json.loads((folder / "comparison.json").read_text())["arms"][1]["unit_cost"] == "0.00011"
    assumed = evalkit("decide", "latest", "--set", "prices.plain.input=1", "--json").json
    assert Decimal(assumed["arms"]["rag"]["cost_per_request"]) == Decimal("0.00021")
    other = prices("prices: {plain: {input: 1, output: 4, as_of: 2026-11-01, source: as it was}}")
    back = evalkit("reprice", "latest", "--prices", other, "--json").json
    assert Decimal(back["arms"][1]["new_observed"]) == Decimal("0.00022")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "prices:\n  plain: {input: 1, as_of: 2027-02-01}\n",
            "new.yaml:2: prices.plain.source: key 'source' is missing",
        ),
        ("prices:\n  plain: {inptu: 1, as_of: 2027-02-01, source: x}\n", "Did you mean 'input'?"),
        ("prices:\n  plain: {input: -1, as_of: 2027-02-01, source: x}\n", "new.yaml:2"),
        (
            "prices:\n  plain:\n    input: 1\n    currency: EUR\n    as_of: 2027-02-01\n    source: x\n",
            "new.yaml:4",
        ),
        ("device_hour:\n  shown: 0.1\n", "new.yaml:2: device_hour.shown: 'shown' is a recorded model"),
        ("device_hour:\n  shwon: 0.1\n", "Did you mean 'shown'?"),
        ("prices: {}\n", "gives no price"),
        ("{", "not valid YAML"),
    ],
)
def test_a_wrong_price_file_is_told_with_its_line(evalkit, tiny, prices, text, words):
    evalkit("run", tiny)
    done = evalkit("reprice", "latest", "--prices", prices(text))
    assert done.code == 2
    assert words in done.err


def test_a_row_that_prices_nothing_is_named(evalkit, tiny, prices):
    evalkit("run", tiny)
    other = "prices: {gpt-4o: {input: 1, output: 2, as_of: 2027-02-01, source: x}}"
    done = evalkit("reprice", "latest", "--prices", prices(other))
    assert done.code == 0
    assert "No model of the suite is priced as gpt-4o" in " ".join(done.out.split())
    assert "The verdict stays" in done.out
