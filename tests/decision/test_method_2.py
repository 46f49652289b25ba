"""Parts of method 2 through a whole decision: leaked cases, the mix, trainings, lives, alternatives, closed forms."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from evalkit.comparison.build_table import build_table
from evalkit.comparison.leaked_cases import without_leaked
from evalkit.errors import SuiteError
from evalkit.records.comparison import Failures
from evalkit.records.decision import Verdict
from evalkit.records.manifest import CaseFacts
from evalkit.records.profile import LeakedPair

KNOWN_SPREAD = {"decision": {"seed_sd": 0}}


def pair(synthetic, few, tuned, **tuned_arm):
    return {
        "few_shot": synthetic.Arm(few),
        "tuned": synthetic.Arm(tuned, kind="fine_tuned", **{"shots": 0, **tuned_arm}),
    }


def better(synthetic, n=400):
    few = synthetic.pattern((55, 1), (35, 0), (10, 1)) * (n // 100)
    tuned = synthetic.pattern((55, 1), (30, 1), (5, 0), (10, 0)) * (n // 100)
    return pair(synthetic, few, tuned)


# -- leaked cases -----------------------------------------------------------------------------------------------------


def leaking(synthetic, ids, match="exact"):
    pairs = tuple(
        LeakedPair(case_id=name, row_id="r", match=match, similarity=1.0, case_text="q", row_text="q")
        for name in ids
    )
    return synthetic.profile(leaked_exact=len(ids), leaked=pairs)


def test_leaked_cases_are_set_aside_and_the_verdict_is_taken_on_the_rest(synthetic):
    ids = [f"c{case}" for case in range(0, 400, 40)]
    run = synthetic.make_run(better(synthetic), made_profile=leaking(synthetic, ids))
    decision = synthetic.decision(run)
    assert decision.verdict is Verdict.FINE_TUNE
    assert (decision.cases.asked, decision.cases.shared, decision.cases.set_aside_leaked) == (400, 390, 10)
    assert decision.cases.leaked_ids == tuple(sorted(ids))
    assert [flag.severity for flag in decision.red_flags if flag.code == "question_leakage"] == ["warn"]


def test_a_leaked_case_takes_its_cluster_along(synthetic):
    clusters = [f"k{case // 4}" for case in range(400)]
    run = synthetic.make_run(
        better(synthetic), clusters=clusters, made_profile=leaking(synthetic, ["c0", "c5"], "normalised")
    )
    table = without_leaked(run.table, run.profile)
    assert table.set_aside == tuple(sorted(f"c{case}" for case in range(8)))
    assert (table.n_cases, table.n_clusters) == (392, 98)
    assert without_leaked(table, run.profile) is table
    near = without_leaked(run.table, leaking(synthetic, ["c0"], "near"))
    assert near is run.table, "a near match is no leak"


@pytest.mark.parametrize(("n", "leaked"), [(400, 41), (60, 11)])
def test_too_few_cases_left_are_invalid(synthetic, n, leaked):
    """Under 90% of the cases, and under 50."""
    arms = pair(synthetic, synthetic.scores(n // 4, n), synthetic.scores(n - 2, n))
    profile = leaking(synthetic, [f"c{case}" for case in range(leaked)])
    decision = synthetic.decision(synthetic.make_run(arms, made_profile=profile))
    assert decision.verdict is Verdict.NOT_DECIDABLE
    assert "question_leakage" in {flag.code for flag in decision.red_flags if flag.severity == "invalid"}


# -- equal inputs -----------------------------------------------------------------------------------------------------


def test_equal_inputs_join_the_declared_clusters(synthetic):
    """Cases a and b ask the same; b and c are declared one cluster; d is alone, and e of which nothing is known."""
    facts = [
        CaseFacts(id="a", cluster="a", input="q1"),
        CaseFacts(id="b", cluster="k", input="q1"),
        CaseFacts(id="c", cluster="k", input="q2"),
        CaseFacts(id="d", cluster="d", input="q3"),
        CaseFacts(id="e", cluster="e"),
    ]
    manifest = synthetic.make_run({"few_shot": synthetic.Arm([1.0])}).manifest
    table = build_table(manifest, facts, [], [], "exact_match")
    assert table.clusters.tolist() == [0, 0, 0, 1, 2]
    assert table.declared_clusters.tolist() == [0, 1, 1, 2, 3]
    assert table.repeated.tolist() == [False, True, False, False, False]
    unknown = build_table(
        manifest, [CaseFacts(id=name, cluster=name) for name in "ab"], [], [], "exact_match"
    )
    assert unknown.repeated is None


# -- production mix ---------------------------------------------------------------------------------------------------


def two_slices(synthetic, **changes):
    """Tuning wins on the slice a and loses on the slice b; half of the cases are of each."""
    few = synthetic.pattern((100, 0), (100, 1), (100, 1), (100, 1))
    tuned = synthetic.pattern((100, 1), (100, 1), (90, 1), (110, 0))
    tags = [("type:a",) if case < 200 else ("type:b",) for case in range(400)]
    return synthetic.make_run(pair(synthetic, few, tuned), tags=tags, **changes)


def test_the_declared_mix_decides(synthetic):
    quality = {}
    for share in (0.9, 0.1):
        mix = {"mix": {"type": {"a": share, "b": round(1 - share, 6)}}}
        decision = synthetic.decision(two_slices(synthetic, decision=mix))
        quality[share] = decision.recommended_arm
        assert [check.weight for check in decision.mix] == ["declared"]
    assert quality == {0.9: "tuned", 0.1: "few_shot"}


def test_without_a_mix_the_first_slice_that_turns_the_verdict_is_found(synthetic):
    decision = synthetic.decision(two_slices(synthetic, **KNOWN_SPREAD))
    assert decision.mix
    assert decision.mix[-1].changes
    assert {check.weight for check in decision.mix} <= {"half", "double"}


def test_a_mix_of_a_tag_that_no_case_has_is_refused(synthetic):
    with pytest.raises(SuiteError, match=r"decision\.mix"):
        synthetic.decision(two_slices(synthetic, decision={"mix": {"type": {"a": 0.5, "z": 0.5}}}))


# -- trainings --------------------------------------------------------------------------------------------------------


def test_a_measured_training_is_sunk_and_serves_alone_without_retunes(synthetic):
    """With no retune a named training serves for the whole horizon: nothing about trainings is left open."""
    arms = better(synthetic)
    arms["tuned"] = synthetic.Arm(
        list(arms["tuned"].scores), kind="fine_tuned", shots=0, seed=1, fraction=1.0
    )
    worse = [1.0 - score if case < 60 else score for case, score in enumerate(arms["tuned"].scores)]
    arms["tuned@1.0/seed2"] = synthetic.Arm(
        worse, kind="fine_tuned", shots=0, role="curve", parent="tuned", seed=2, fraction=1.0
    )
    fresh = synthetic.decision(synthetic.make_run(arms))
    chosen = {"deploy": "measured", "deploy_seed": 1}
    measured = synthetic.decision(synthetic.make_run(arms, decision=chosen))
    assert fresh.training_spread["tuned"].other_deploy_verdict == measured.verdict.value
    assert measured.confidence > fresh.confidence
    assert measured.arms["tuned"].net_benefit.mean > fresh.arms["tuned"].net_benefit.mean
    assert list(fresh.arms["tuned"].seed_means) == ["1", "2"]


def test_a_training_that_was_not_measured_cannot_be_deployed(synthetic):
    chosen = {"deploy": "measured", "deploy_seed": 4}
    with pytest.raises(SuiteError, match="no training 4 of tuned was measured"):
        synthetic.decision(synthetic.make_run(better(synthetic), decision=chosen))


def test_the_training_of_a_deployed_model_is_paid_already(synthetic):
    """600 USD to tune: 100 of it the training."""
    run = synthetic.make_run(better(synthetic))
    kept = synthetic.decision(run)
    sunk = synthetic.decision(synthetic.changed(run, decision={"deploy": "measured", "deploy_seed": 1}))
    more = sunk.arms["tuned"].net_benefit_at_mode - kept.arms["tuned"].net_benefit_at_mode
    assert more == pytest.approx(100)
    totals = [float(each.ledger["tuned"].one_off_total) for each in (kept, sunk)]
    assert totals == [600, 500]


def test_trainings_may_be_what_is_worth_buying(synthetic):
    """A thousand cases say enough about the cases; one training says little about the next, and costs 1 USD."""
    few = synthetic.pattern((600, 1), (100, 0), (300, 0))
    tuned = synthetic.pattern((600, 1), (100, 1), (300, 0))
    run = synthetic.make_run(
        pair(synthetic, few, tuned),
        economics={"cost_per_case": 1000, "training": {"labour_hours": 20}},
        models={"tuned": {"training": {"cost": 1}}},
    )
    decision = synthetic.decision(run)
    assert (decision.verdict, decision.reason) == (Verdict.COLLECT_MORE_DATA, "more_trainings_pay")
    assert (decision.purchase.kind, decision.purchase.arm) == ("seeds", "tuned")
    assert decision.purchase.value > decision.purchase.cost


# -- lives ------------------------------------------------------------------------------------------------------------


def test_an_arm_is_worth_nothing_after_its_model_shuts_unless_something_takes_its_place(synthetic):
    """gpt-4o-mini shuts on 2027-01-14, 55 days after the run: 1.81 of 12 months."""
    hosted = {"base": {"model": "gpt-4o-mini", "base_url": None}}
    arms = {"few_shot": synthetic.Arm(synthetic.scores(240, 400))}
    ends = synthetic.decision(synthetic.make_run(arms, models=hosted)).arms["few_shot"]
    hosted["base"]["successor"] = "the next one"
    lasts = synthetic.decision(synthetic.make_run(arms, models=hosted)).arms["few_shot"]
    assert ends.life_months == pytest.approx(55 / 30.4375)
    assert lasts.life_months == 12
    assert ends.net_benefit.mean == pytest.approx(lasts.net_benefit.mean * 55 / 30.4375 / 12)


# -- unfinished alternatives ------------------------------------------------------------------------------------------


def test_a_retriever_that_misses_what_its_reader_could_answer_comes_first(synthetic):
    """RAG 60% right with 36 of 40 wrong answers retrieval misses: half of them mended beat 70% of the tuned arm."""
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(100, 400)),
        "rag": synthetic.Arm(synthetic.pattern((240, 1), (160, 0)), kind="rag", input=1000),
        "gold": synthetic.Arm(
            synthetic.scores(396, 400), kind="rag", role="curve", retrieval="gold", input=1000
        ),
        "tuned": synthetic.Arm(synthetic.pattern((120, 0), (280, 1)), kind="fine_tuned", shots=0),
    }
    run = synthetic.make_run(
        arms, economics={"training": {"labour_hours": 0}}, models={"tuned": {"training": {"cost": 0}}}
    )
    failures = Failures(n_wrong=160, retrieval_miss=144, reading_miss=16)
    summaries = tuple(
        synthetic.with_failures(arm, failures) if arm.name == "rag" else arm for arm in run.comparison.arms
    )
    decision = synthetic.decision(synthetic.with_comparison(run, arms=summaries))
    assert (decision.verdict, decision.reason) == (Verdict.ALTERNATIVES_FIRST, "fix_the_retriever")
    assert decision.recommended_arm == "tuned"
    assert (decision.condition.subject, decision.condition.needed) == ("rag", 0.5)
    assert decision.condition.figure > 0.5


# -- closed forms -----------------------------------------------------------------------------------------------------

TUNED = [1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1]
UNTUNED = [1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 1]


@pytest.mark.parametrize(
    ("clustered", "low", "high", "low_pays_from"),
    [(False, -1190.02, 806.02, 46083.7), (True, -1096.863, 712.863, 33572.58)],
)
def test_net_benefit_of_one_arm_against_another_by_hand(synthetic, clustered, low, high, low_pays_from):
    """Unit costs .0003 and .0008, value .05, 1,440 to tune, 8,000 a month: -192.00, pays from 9,230.8."""
    arms = {
        "few_shot": synthetic.Arm([float(score) for score in UNTUNED], input=760, output=20),
        "tuned": synthetic.Arm(
            [float(score) for score in TUNED], kind="fine_tuned", shots=0, input=260, output=20
        ),
    }
    run = synthetic.make_run(
        arms,
        clusters=[f"k{case // 2}" for case in range(20)] if clustered else None,
        economics={
            "requests_per_month": 8_000,
            "value_per_correct": 0.05,
            "training": {"labour_hours": 0},
        },
        models={"tuned": {"training": {"cost": 1440}}},
        **KNOWN_SPREAD,
    )
    (claim,) = [each for each in synthetic.decision(run).net_benefit_claims if each.control == "few_shot"]
    assert claim.estimate == pytest.approx(-192.0)
    assert (claim.low, claim.high) == pytest.approx((low, high), abs=0.01)
    assert claim.pays_from == pytest.approx(9230.769, abs=0.01)
    assert claim.low_pays_from == pytest.approx(low_pays_from, rel=1e-4)
    assert claim.df == (9 if clustered else 19)


def test_one_training_spreads_as_assumed_and_two_as_measured(synthetic):
    one = synthetic.decision(synthetic.make_run(better(synthetic))).training_spread["tuned"]
    assert (one.sd, one.mean_tau2, one.assumed) == (0.03, pytest.approx(0.0018), True)
    assert one.other_deploy_verdict is not None


def test_the_record_is_the_same_when_decided_again(synthetic):
    run = synthetic.make_run(better(synthetic))
    first, second = synthetic.decision(run), synthetic.decision(run)
    assert first == second
    assert replace(first, explanation="") == replace(second, explanation="")
