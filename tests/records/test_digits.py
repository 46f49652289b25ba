"""Records keep the digits that do not depend on the processor."""

from evalkit.decision.context import ComparedRun
from evalkit.decision.decide import decide
from evalkit.records.digits import rounded


def test_every_float_of_a_comparison_and_its_decision_is_rounded(synthetic):
    """Thirds and sevenths have no end, so that a figure that was passed by would show."""
    run = synthetic.make_run(
        {
            "few_shot": synthetic.Arm([case % 7 / 7 for case in range(60)]),
            "tuned": synthetic.Arm([case % 3 / 3 for case in range(60)], kind="fine_tuned", shots=0),
        },
        economics={
            "requests_per_month": {"low": 20_000, "mode": 90_000, "high": 400_000},
            "cost_per_wrong": 0.003,
        },
    )
    decision = decide(
        run.suite, ComparedRun(run.manifest, run.table, run.comparison, run.profile, run.tuning)
    )
    assert run.comparison == rounded(run.comparison)
    assert decision == rounded(decision)
