"""``evalkit decide --counts``: published tables."""

from __future__ import annotations


def test_counts_are_answered_in_words(evalkit):
    done = evalkit("decide", "--counts", "base=20/30,rag=26/30")
    assert done.code == 0, done.err
    text = " ".join(done.out.split())
    assert "depends on the overlap: b + c between 6 and 14; claimable up to 6" in text
    assert "no verdict" in text


def test_json_is_one_document(evalkit):
    found = evalkit("decide", "--counts", "base=13/30,rag=26/30,tuned=28/30", "--json").json
    assert [pair["claim"] for pair in found["pairs"]] == [
        "whatever_the_overlap",
        "whatever_the_overlap",
        "not_claimable",
    ]
    assert found["unknown"]


def test_counts_and_a_run_exclude_each_other(evalkit, tiny):
    assert evalkit("decide").code == 2
    assert evalkit("decide", "latest", "--counts", "a=1/2,b=2/2").code == 2
    assert evalkit("decide", "--counts", "a=1/2,b=2/2", "--set", "decision.alpha=0.1").code == 2
    wrong = evalkit("decide", "--counts", "a=1/2,b=2/3")
    assert wrong.code == 2
    assert "same cases" in wrong.err
