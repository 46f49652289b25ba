"""What a gate can see, before the first run: figures by hand, the sentences, and that they hold in simulated gates."""

import numpy as np
import pytest

from evalkit.comparison.table import Pairs
from evalkit.gating.plan import (
    ASSUMED_DISCORDANCE,
    PlannedRule,
    answers_to_bound_p95,
    gate_plan,
    noise_of_repeats,
    requests_to_pass,
)
from evalkit.gating.rules import DropRule, adjusted_drops, drop_verdict


def planned(n, *, size=1, binary=True, max_drop=0.03, tag=None, discordance=None):
    return PlannedRule("exact_match", tag, max_drop, np.arange(n) // size, binary, discordance)


def rows(rule, **more):
    return {row.discordance: row for row in gate_plan([rule], alpha=0.05, **more).rules[0].rows}


def test_three_points_on_a_hundred_cases_cannot_be_passed_even_if_no_case_differs():
    plan = rows(planned(100))
    assert tuple(plan) == ASSUMED_DISCORDANCE
    assert [row.cases_to_pass for row in plan.values()] == [125, 280, 495, 901, 1754]
    assert plan[0.0].chance_to_pass == 0.0
    assert plan[0.0].smallest_drop == pytest.approx(0.0779, abs=1e-4)
    assert all(row.assumed for row in plan.values())
    (words, *_) = gate_plan([planned(100)], alpha=0.05).words
    assert words == (
        "exact_match on 100 cases, largest drop 3 points: these cases cannot pass where no case differs, 125 cases do "
        "with 80% power; a drop of 7.8 points is seen with 80% power where no case differs."
    )


def test_the_support_desk_of_216_cases_passes_alone_and_not_in_72_clusters():
    assert rows(planned(216))[0.0].chance_to_pass == 1.0
    (clustered,) = rows(planned(216, size=3, discordance=0.0)).values()
    assert (clustered.chance_to_pass, clustered.cases_to_pass) == (0.0, 122 * 3)
    (noisy,) = rows(planned(216, size=3, discordance=0.5)).values()
    assert noisy.smallest_drop > rows(planned(216, discordance=0.5))[0.5].smallest_drop


def test_clusters_that_seldom_differ_are_drawn_by_the_interval_that_they_get():
    """A handful of clusters then carry all that differs, and the interval is widened; simulated gates pass as often."""
    rng = np.random.default_rng(7)
    row = rows(planned(120, size=3, max_drop=0.1))[0.05]
    clusters = np.repeat(np.arange(40), 3)
    passed = 0
    for _ in range(100):
        own, shared = (rng.choice(3, size, p=[0.95, 0.025, 0.025]) for size in (120, 40))
        kinds = np.where(rng.random(120) < np.sqrt(0.5), shared[clusters], own)
        both = Pairs((kinds != 1).astype(float), (kinds != 2).astype(float), clusters)
        (record,) = adjusted_drops(
            [DropRule("rag", "exact_match", None, 0.1, np.arange(120), both)], alpha=0.05, seed=7
        )
        passed += drop_verdict(record, 0.1, 0.05) == "pass"
    assert row.chance_to_pass == pytest.approx(passed / 100, abs=0.15)
    assert row.cases_to_pass >= 108


def test_clusters_of_unequal_size_are_planned_too():
    clusters = np.concatenate((np.zeros(60), np.arange(1, 41)))
    (row,) = rows(PlannedRule("exact_match", None, 0.4, clusters, True, 0.05)).values()
    assert row.cases_to_pass > 60
    assert 0.0 < row.chance_to_pass < 1.0


def test_measured_noise_takes_the_place_of_assumed_noise():
    (row,) = rows(planned(500, discordance=0.04)).values()
    assert (row.discordance, row.assumed, row.cases_to_pass) == (0.04, False, 417)
    words = gate_plan([planned(500, discordance=0.04)], alpha=0.05).words
    assert words[0].startswith(
        "exact_match on 500 cases, largest drop 3 points: these cases pass with 80% power or more where 4% of cases "
    )
    assert not any("assumed" in sentence for sentence in words)


def test_noise_of_repeats_by_hand():
    """Three answers a case, one case right twice of three: 2 x (2/3 x 1/3) / 4 cases / (3 - 1) = .0556."""
    assert noise_of_repeats(np.array([1.0, 1.0, 2 / 3, 0.0]), 3) == pytest.approx(1 / 18)
    assert noise_of_repeats(np.array([1.0, 0.0]), 1) is None
    assert noise_of_repeats(np.array([]), 3) is None


def test_noise_of_repeats_is_the_variance_of_two_runs_on_average():
    rng = np.random.default_rng(7)
    chances = rng.beta(3, 1, 20_000)
    first, second = (rng.binomial(5, chances) / 5 for _ in range(2))
    assert noise_of_repeats(first, 5) == pytest.approx(float(np.mean((first - second) ** 2)), rel=0.05)


def test_every_sentence_names_what_is_assumed():
    plan = gate_plan(
        [
            planned(300),
            planned(60, tag="billing", binary=False),
            planned(90, size=3, tag="returns", discordance=0.2),
        ],
        alpha=0.05,
        n_arms=2,
    )
    assert plan.n_tests == 6
    text = " ".join(plan.words)
    for part in (
        "495 cases do where 5% of cases differ by chance",
        "exact_match on 60 cases tagged billing, largest drop 3 points",
        "exact_match on 90 cases tagged returns in 30 clusters",
        "is assumed, not measured",
        "correlated by 0.5",
        "as if every change were from 0 to 1",
        "Holm's method over 6 tested rules is counted in",
        "is unchanged and passes on any number of cases",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (planned(0), "on 0 cases, largest drop 3 points: no interval on no case, so inconclusive."),
        (
            planned(1),
            "on 1 case, largest drop 3 points: no interval on one case or cluster, so inconclusive.",
        ),
        (planned(6, size=6), "no interval on one case or cluster"),
        (planned(4), "no drop can be seen"),
        (planned(60, size=3, max_drop=0.0, discordance=0.1), "no number of cases does with 80% power"),
        (planned(200, max_drop=0.0), "cannot pass where no case differs, no number of cases does"),
        (planned(200, max_drop=0.0, discordance=0.1), "where 10% of cases differ by chance, no number"),
        (
            planned(20, max_drop=1.0),
            "pass with 80% power or more where 20% of cases differ by chance; no drop can be seen",
        ),
    ],
)
def test_it_refuses_nothing(rule, words):
    assert words in gate_plan([rule], alpha=0.05).words[0]


def test_no_rule_is_a_plan_too():
    assert gate_plan([], alpha=0.05).n_tests == 0


@pytest.mark.parametrize(("limit", "n"), [(0.02, 183), (0.05, 72), (0.0, None), (1.0, 1)])
def test_requests_without_a_failure(limit, n):
    assert requests_to_pass(limit, alpha=0.05) == n


def test_answers_that_bound_the_95th_percentile():
    assert answers_to_bound_p95(alpha=0.05) == 72
    assert answers_to_bound_p95(alpha=0.10) == 59


def test_simulated_gates_pass_and_fail_as_the_plan_says():
    """300 cases of 0/1 scores, one in ten comes out otherwise; drops are those discordant cases turned round."""
    rng = np.random.default_rng(7)
    row = rows(planned(300, max_drop=0.05, discordance=0.1))[0.1]

    def shares(drop):
        verdicts = []
        for _ in range(200):
            kinds = rng.choice(3, 300, p=[0.05 + drop / 2, 0.05 - drop / 2, 0.9])
            both = Pairs((kinds != 0).astype(float), (kinds != 1).astype(float), np.arange(300))
            rule = DropRule("rag", "exact_match", None, 0.05, np.arange(300), both)
            (record,) = adjusted_drops([rule], alpha=0.05, seed=7)
            verdicts.append(drop_verdict(record, 0.05, 0.05))
        return verdicts.count("pass") / 200, verdicts.count("fail") / 200

    assert shares(0.0)[0] == pytest.approx(row.chance_to_pass, abs=0.08)
    assert shares(row.smallest_drop)[1] == pytest.approx(0.8, abs=0.08)
