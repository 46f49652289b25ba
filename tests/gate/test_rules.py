"""Rules on quality: verdicts by hand, Tango without a discordant pair, Holm within the gate, what could be seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.comparison.pooled_metrics import PairedCounts
from evalkit.comparison.table import Pairs
from evalkit.gating.rules import DropRule, drop_verdict, judged_drops
from evalkit.records.comparison import Difference

ALPHA = 0.05


def drop_rule(candidate, baseline, *, arm="rag", metric="exact_match", tag=None, max_drop=0.05, **more):
    candidate, baseline = np.asarray(candidate, float), np.asarray(baseline, float)
    clusters = np.asarray(more.pop("clusters", np.arange(candidate.size)))
    cases = np.asarray(more.pop("cases", np.arange(candidate.size)))
    return DropRule(arm, metric, tag, max_drop, cases, Pairs(candidate, baseline, clusters), **more)


def judged(*rules, seed=7):
    return judged_drops(rules, alpha=ALPHA, seed=seed)


def worse(n, n_worse, n_better=0):
    """Scores of candidate and baseline: some only the baseline got right, some only the candidate, the rest both."""
    candidate, baseline = np.ones(n), np.ones(n)
    candidate[:n_worse] = 0.0
    baseline[n_worse : n_worse + n_better] = 0.0
    return candidate, baseline


@pytest.mark.parametrize(
    ("n", "low", "verdict"),
    [
        (100, -0.0370, "inconclusive"),
        (124, -0.0300, "inconclusive"),
        (125, -0.0298, "pass"),
        (216, -0.0175, "pass"),
    ],
)
def test_without_a_discordant_pair_a_margin_of_three_points_needs_125_single_cases(n, low, verdict):
    """Tango (1998) with b = c = 0: the lower end is -z^2 / (n + z^2), -3.84/(n + 3.84) at 95%."""
    (result,) = judged(drop_rule(*worse(n, 0), max_drop=0.03))
    assert result.verdict == verdict
    assert result.low == pytest.approx(-3.8414588 / (n + 3.8414588))
    assert round(result.low, 4) == low
    assert result.cases_needed == 125
    assert result.note.startswith("No case differs; a drop of up to ")


@pytest.mark.parametrize(
    ("n_worse", "n_better", "verdict"),
    [
        (2, 0, "pass"),  # -.035 to .009 and .05 allowed
        (10, 0, "fail"),  # p = .002
        (6, 2, "inconclusive"),  # p = .29, but the interval reaches down to -.054
        (30, 30, "inconclusive"),
        (10, 25, "pass"),
    ],
)
def test_a_rule_passes_fails_or_cannot_say(n_worse, n_better, verdict):
    (result,) = judged(drop_rule(*worse(200, n_worse, n_better)))
    assert result.verdict == verdict
    assert (result.worse, result.better, result.n, result.n_clusters) == (n_worse, n_better, 200, 200)
    assert result.estimate == pytest.approx((n_better - n_worse) / 200)


def test_a_drop_that_is_certain_and_small_passes():
    (result,) = judged(drop_rule(*worse(2000, 20)))
    assert result.verdict == "pass"
    assert result.high < 0.0
    assert result.p_value < 0.001


def test_the_interval_is_tangos_and_p_exact_mcnemars():
    """The airway example: Fagerland, Lydersen and Laake (2014), Statistics in Medicine 33:2850, table V, and (2013)."""
    (result,) = judged(drop_rule(*worse(21, 7, 1)))
    assert (result.low, result.high) == pytest.approx((-0.517, -0.026), abs=5e-4)
    assert result.p_value == pytest.approx(0.0703, abs=5e-5)
    assert result.verdict == "inconclusive"  # the exact p decides, though the interval excludes 0


def test_holm_asks_more_of_each_rule_the_more_are_tested():
    """Nine against one is p = .0215: enough alone, too little beside two rules that show nothing."""
    alone = judged(drop_rule(*worse(100, 9, 1)))
    beside = judged(
        drop_rule(*worse(100, 9, 1)),
        drop_rule(*worse(90, 5, 5), tag="billing"),
        drop_rule(*worse(80, 4, 4), tag="returns"),
    )
    assert (alone[0].verdict, beside[0].verdict) == ("fail", "inconclusive")
    assert alone[0].p_adjusted == alone[0].p_value == pytest.approx(22 / 1024)
    assert beside[0].p_adjusted == pytest.approx(3 * 22 / 1024)
    assert beside[0].smallest_drop > alone[0].smallest_drop
    assert (beside[0].low, beside[0].high) == (alone[0].low, alone[0].high)


def test_equal_tests_count_once_and_unchanged_arms_not_at_all():
    same = drop_rule(*worse(100, 9, 1))
    results = judged(
        same,
        drop_rule(*worse(100, 9, 1), arm="twin"),
        drop_rule(*worse(100, 9, 1), tag="every case has it"),
        drop_rule(*worse(100, 0), arm="few_shot", unchanged=True),
    )
    assert [result.verdict for result in results] == ["fail", "fail", "fail", "unchanged"]
    assert {result.p_adjusted for result in results[:3]} == {22 / 1024}
    assert results[3].p_value is None
    assert (results[3].estimate, results[3].low, results[3].baseline) == (0.0, None, 1.0)


def test_two_tags_whose_cases_happen_to_score_alike_are_two_tests():
    results = judged(
        drop_rule(*worse(100, 9, 1), tag="a", cases=np.arange(100)),
        drop_rule(*worse(100, 9, 1), tag="b", cases=np.arange(100, 200)),
    )
    assert [result.p_adjusted for result in results] == [pytest.approx(44 / 1024)] * 2


def test_cases_in_clusters_are_judged_by_clusters():
    """Thirty cases that fell are thirty facts alone, and eight where they lie in eight clusters of four."""
    candidate, baseline = worse(200, 30)
    (alone,) = judged(drop_rule(candidate, baseline))
    (clustered,) = judged(drop_rule(candidate, baseline, clusters=np.repeat(np.arange(50), 4)))
    assert alone.p_value == pytest.approx(2**-29)
    assert clustered.p_value == 2**-7
    assert "sign-flip test of whole clusters" in clustered.method
    assert clustered.low < alone.low
    assert clustered.smallest_drop > alone.smallest_drop
    assert clustered.n_clusters == 50


def test_graded_scores_are_judged_by_the_bootstrap():
    rng = np.random.default_rng(7)
    baseline = rng.uniform(0.3, 1.0, 120)
    (result,) = judged(drop_rule(baseline - rng.uniform(0.0, 0.25, 120), baseline, metric="token_f1"))
    assert result.verdict == "fail"
    assert "BCa bootstrap" in result.method
    assert result.estimate == pytest.approx(-0.125, abs=0.02)


def test_the_gate_says_what_the_comparison_of_the_two_runs_says():
    """`evalkit compare FIRST SECOND` draws with the seed and the names of both arms; so does a rule on all cases."""
    from evalkit.comparison.pairwise import compared
    from evalkit.comparison.settings import ComparisonSettings, generator

    rng = np.random.default_rng(7)
    baseline = rng.uniform(0.3, 1.0, 60)
    rule = drop_rule(baseline - rng.uniform(-0.1, 0.25, 60), baseline, metric="token_f1")
    names = ("second/rag", "first/rag", "token_f1")
    record = compared(
        rule.both,
        names,
        ComparisonSettings(ALPHA, 0.05, 11),
        family="runs",
        binary=False,
        rng=generator(11, *names),
    )
    (result,) = judged(rule, seed=11)
    assert (result.low, result.high, result.p_value) == (record.low, record.high, record.p_value)


def precision(sums):
    return np.divide(sums[..., 0], sums[..., 1], out=np.zeros(sums.shape[:-1]), where=sums[..., 1] > 0)


def pooled_rule(candidate, baseline, **more):
    counts = PairedCounts(
        np.asarray(candidate, float), np.asarray(baseline, float), np.arange(len(candidate)), precision
    )
    return DropRule("rag", "precision", None, 0.05, np.arange(len(candidate)), counts, **more)


def test_a_pooled_metric_is_judged_by_the_paired_bootstrap():
    rng = np.random.default_rng(7)
    given = rng.integers(1, 4, 150)
    before = np.column_stack((rng.binomial(given, 0.9), given))
    after = np.column_stack((rng.binomial(before[:, 0], 0.75), given))
    fell, same, still = judged(
        pooled_rule(after, before), pooled_rule(before, before), pooled_rule(before, before, unchanged=True)
    )
    assert fell.verdict == "fail"
    assert fell.method == "paired BCa bootstrap over cases"
    assert fell.baseline == pytest.approx(before[:, 0].sum() / given.sum())
    assert fell.smallest_drop == pytest.approx(0.08, abs=0.03)
    assert (same.verdict, same.estimate, same.p_adjusted) == ("pass", 0.0, 1.0)
    assert still.verdict == "unchanged"


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (drop_rule([], []), "no common case is left"),
        (drop_rule([0.4], [0.5], metric="token_f1"), "at least 2"),
        (drop_rule([0, 1, 0], [1, 1, 0], clusters=[4, 4, 4]), "all cases lie in one cluster"),
        (pooled_rule(np.zeros((0, 2)), np.zeros((0, 2))), "no common case is left"),
    ],
)
def test_what_has_no_interval_is_inconclusive_with_the_reason(rule, reason):
    (result,) = judged(rule)
    assert result.verdict == "inconclusive"
    assert reason in result.reason
    assert (result.low, result.p_adjusted, result.smallest_drop, result.method) == (None, None, None, "")


def test_one_case_alone_shows_nothing():
    (result,) = judged(drop_rule([0], [1]))
    assert (result.verdict, result.smallest_drop) == ("inconclusive", None)


def difference(low, high, p):
    return Difference(
        treatment="a", control="b", metric="m", family="gate", estimate=(low + high) / 2, low=low, high=high,
        method="", p_value=p, p_adjusted=p, n=9, n_clusters=9, claim="no_claim",
    )  # fmt: skip


@given(
    st.floats(-1, 1),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0.001, 0.5),
    st.floats(0, 0.5),
)
def test_exactly_one_verdict_and_a_larger_allowed_drop_never_turns_a_pass(low, width, p, max_drop, more):
    record = difference(low, low + width, p)
    verdict = drop_verdict(record, max_drop, ALPHA)
    assert verdict in ("pass", "fail", "inconclusive")
    assert (verdict == "pass") == (low > -max_drop)
    if verdict == "fail":
        assert low + width < 0.0
        assert p < ALPHA
    if verdict == "pass":
        assert drop_verdict(record, max_drop + more, ALPHA) == "pass"


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=40), st.randoms())
@settings(max_examples=20, deadline=None)
def test_the_order_of_cases_changes_nothing(pairs, random):
    shuffled = list(pairs)
    random.shuffle(shuffled)
    first, second = (
        judged(drop_rule([a for a, _ in each], [b for _, b in each]))[0] for each in (pairs, shuffled)
    )
    assert first == second
