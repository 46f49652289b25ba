"""Decision records of format 2 written by hand, for the words of each verdict. Figures are round and all different."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from evalkit.records.arm import ArmKind
from evalkit.records.comparison import Difference, Estimate
from evalkit.records.decision import (
    ArmVerdict,
    BreakEven,
    CaseBasis,
    Counts,
    Decision,
    DecisionInputs,
    DecisionTerms,
    Interval3,
    TargetCheck,
    TrainingSpread,
    Verdict,
    WouldChange,
)

KINDS = {"few_shot": ArmKind.FEW_SHOT, "rag": ArmKind.RAG, "fine_tuned": ArmKind.FINE_TUNED}
MEANS = {"few_shot": 0.70, "rag": 0.74, "fine_tuned": 0.86}
NET = {"few_shot": 10_500.0, "rag": 12_400.0, "fine_tuned": 33_810.0}
COSTS = {"few_shot": 310.0, "rag": 420.0, "fine_tuned": 1_990.0}


def arm(name: str, **changes: Any) -> ArmVerdict:
    """One candidate of the made record."""
    mean, net = MEANS[name], NET[name]
    made = ArmVerdict(
        kind=KINDS[name],
        role="candidate",
        n=216,
        coverage=1.0,
        quality={
            "accuracy": Estimate(
                mean=mean, low=mean - 0.05, high=mean + 0.04, method="Wilson", n=216, n_clusters=216
            )
        },
        cost_per_request=None,
        cost_per_correct=None,
        latency=None,
        net_benefit=Interval3(low=net - 4000.0, mode=net - 70.0, high=net + 5000.0, mean=net),
        net_benefit_at_mode=net - 70.0,
        total_cost=COSTS[name],
        life_months=12.0,
        seeds=int(name == "fine_tuned"),
        seed_means={"1": mean} if name == "fine_tuned" else {},
    )
    return replace(made, **changes)


def difference(treatment: str, control: str, estimate: float, claim: str, **changes: Any) -> Difference:
    """A paired difference on the metric that decides."""
    made = Difference(
        treatment=treatment,
        control=control,
        metric="accuracy",
        family="tuned",
        estimate=estimate,
        low=estimate - 0.06,
        high=estimate + 0.06,
        method="Tango's score method",
        p_value=0.002,
        p_adjusted=0.004,
        n=216,
        n_clusters=216,
        claim=claim,  # type: ignore[arg-type]
    )
    return replace(made, **changes)


def decision(verdict: Verdict = Verdict.FINE_TUNE, **changes: Any) -> Decision:
    """A record of a run with a prompt, a retrieving and a tuned arm; by default tuning is shown to be best."""
    made = Decision(
        suite="made",
        run_id="20261128-120000",
        verdict=verdict,
        reason="superior",
        explanation="",
        recommended_arm="fine_tuned",
        side="tuned",
        shown=True,
        confidence=0.972,
        confidence_se=0.0026,
        threshold=0.9,
        side_share={"tuned": 0.972, "untuned": 0.021, "none": 0.007},
        kind_share={"prompting": 0.31, "retrieval": 0.69},
        pairwise_share={
            "fine_tuned": {"few_shot": 0.981, "rag": 0.975, "none": 0.993},
            "rag": {"few_shot": 0.69, "fine_tuned": 0.025, "none": 0.964},
            "few_shot": {"rag": 0.31, "fine_tuned": 0.019, "none": 0.951},
        },
        p_best={"fine_tuned": 0.972, "rag": 0.015, "few_shot": 0.006, "none": 0.007},
        runner_up="rag",
        other_choice_loses=21_430.0,
        expected_regret={"fine_tuned": 24.0, "rag": 21_430.0, "few_shot": 23_340.0, "none": 33_850.0},
        evpi=24.0,
        arms={name: arm(name) for name in KINDS},
        differences=(
            difference("fine_tuned", "rag", 0.12, "superior"),
            difference("fine_tuned", "few_shot", 0.16, "superior"),
            difference("rag", "few_shot", 0.04, "no_claim", family="descriptive"),
        ),
        training_spread={
            "fine_tuned": TrainingSpread(seeds=1, prior_sd=0.03, sd=0.03, mean_tau2=0.0018, assumed=True)
        },
        cases=CaseBasis(asked=240, shared=216, set_aside_leaked=24, clusters_declared=216, clusters=216),
        target=TargetCheck(
            metric="accuracy",
            target=0.8,
            best_arm="fine_tuned",
            best_mean=0.86,
            low=0.81,
            high=0.90,
            met=True,
        ),
        counts=Counts(flags_invalid=0, flags_warn=3, for_tuning=4, against=2, neither=1, unknown=3),
        checklist=(),
        red_flags=(),
        ledger={},
        break_even=(
            BreakEven(
                treatment="fine_tuned",
                control="rag",
                basis="net",
                requests_per_month=Interval3(low=1_890.0, mode=2_734.0, high=4_510.0),
                months=Interval3(low=0.5, mode=0.9, high=2.1),
                never=0.012,
                reason="1,570 USD more fixed cost / (12 months x 0.05 USD gained per request)",
            ),
            BreakEven(
                treatment="fine_tuned",
                control="few_shot",
                basis="net",
                requests_per_month=Interval3(low=900.0, mode=1_170.0, high=2_000.0),
                months=None,
                never=0.01,
                reason="another pair",
            ),
        ),
        would_change=(
            WouldChange(
                input="requests_per_month",
                current=40_000.0,
                unit="requests a month",
                flips_at=2_987.4,
                verdict_now="fine_tune",
                verdict_then="not_decidable",
                arm_then="rag",
                low=20_000.0,
                high=90_000.0,
                probability=0.0,
                flips_below=2_987.4,
                verdict_below="not_decidable",
                arm_below="rag",
            ),
        ),
        terms=DecisionTerms(
            primary_metric="accuracy",
            margin=0.03,
            alpha=0.05,
            confidence=0.9,
            horizon_months=12,
            requests_per_month=50_000.0,
        ),
        inputs=DecisionInputs(digests={}, prices_as_of="2026-11-01"),
        seed=7,
    )
    return replace(made, **changes)
