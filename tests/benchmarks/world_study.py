"""The product's decision on a study of a world: one synthetic run for each world, its scores put in anew each time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evalkit.comparison.compare import compare
from evalkit.decision.context import ComparedRun
from evalkit.decision.payoffs.more_evidence import EvidencePrices, best_purchase, payoff_given_cases
from evalkit.decision.payoffs.payoff_model import PayoffModel, Payoffs, WhatIf
from evalkit.decision.prepare import PreparedDecision, prepare_decision
from evalkit.decision.verdict.choose_verdict import VerdictInputs, choose_verdict
from evalkit.records.decision import SampleValue, Verdict
from evalkit.stats.sample_value import kept_by_cases, sample_value
from evalkit.stats.settled_share import SettledShare
from tests.benchmarks.decision_worlds import HORIZON, VALUE, VOLUME, Drawn, World
from tests.builders import runs

RATE = 50


@dataclass(frozen=True)
class Choice:
    """What was decided.

    Attributes:
        verdict: The answer.
        arm: The recommended arm; None for none.
        share: The share of draws that was compared with its threshold; None for one arm alone.
        net_benefits: Mean of the draws of each choice, USD.
    """

    verdict: Verdict
    arm: str | None
    share: SettledShare | None
    net_benefits: tuple[float, ...]


class Study:
    """Decides on studies of one world.

    Args:
        world: The world.
        known_spread: Declare that trainings do not differ.
        draws: Joint draws of a decision, before a close share is drawn again.
    """

    def __init__(self, world: World, *, known_spread: bool = False, draws: int = 1000) -> None:
        arms: dict[str, runs.Arm] = {}
        for name, arm in world.arms.items():
            shared = {"input": round(arm.unit_cost * 1e6), "output": 0, "kind": arm.kind, "shots": 4}
            if arm.tuned:
                shared["shots"] = 0
            first = {"seed": 1, "fraction": 1.0} if arm.tuned else {}
            arms[name] = runs.Arm([0.0] * world.n, **shared, **first)
            for seed in range(2, (world.seeds if arm.tuned else 1) + 1):
                arms[f"{name}@1.0/seed{seed}"] = runs.Arm(
                    [0.0] * world.n, **shared, role="curve", parent=name, seed=seed, fraction=1.0
                )
        self.world = world
        tags = [("topic:a",) if case % 2 == 0 else ("topic:b",) for case in range(world.n)]
        self.run = runs.make_run(
            arms,
            clusters=[f"k{case // world.cluster_size}" for case in range(world.n)],
            tags=None if world.mix is None else tags,
            **self._suite(known_spread, draws),
        )

    def _suite(self, known_spread: bool, draws: int) -> dict[str, Any]:
        world = self.world
        tuned = [arm for arm in world.arms.values() if arm.tuned]
        economics: dict[str, Any] = {
            "requests_per_month": VOLUME,
            "value_per_correct": VALUE,
            "horizon_months": HORIZON,
            "discount_rate": world.discount_rate,
            "training": {"labour_rate": RATE},
        }
        if tuned:
            economics["training"] |= {
                "labour_hours": tuned[0].fixed / RATE,
                "retune_hours": tuned[0].retune / RATE,
            }
        if world.retune_every is not None:
            economics["retune_every_months"] = world.retune_every
        if world.cost_per_case is not None:
            economics["cost_per_case"] = world.cost_per_case
        decision: dict[str, Any] = {"draws": draws}
        if known_spread:
            decision["seed_sd"] = 0
        if world.mix is not None:
            decision["mix"] = {"topic": {"a": world.mix, "b": 1.0 - world.mix}}
        models = {"tuned": {"training": {"cost": 0}}} if tuned else {}
        return {"economics": economics, "decision": decision, "models": models}

    def compared(self, drawn: Drawn) -> ComparedRun:
        """The study as a decision takes it."""
        # the table sorts its cases by id: c10 stands before c2
        order = [int(case.removeprefix("c")) for case in self.run.table.case_ids]
        rows = []
        for facts in self.run.table.arms:
            name, _, seed = facts.name.partition("@1.0/seed")
            rows.append(drawn.scores[name][int(seed or 1) - 1][order])
        table = replace(self.run.table, values={self.run.table.primary: np.stack(rows)[:, :, None]})
        return ComparedRun(self.run.manifest, table, compare(self.run.suite, table), self.run.profile)

    def prepared(self, drawn: Drawn, seed: int) -> PreparedDecision:
        """The payoffs of a study in every draw."""
        return prepare_decision(self.run.suite, self.compared(drawn), seed=seed)

    def decide(self, drawn: Drawn, seed: int) -> Choice:
        """The verdict on a study: the product's ladder, without the checklist, whose findings do not move here."""
        prepared = self.prepared(drawn, seed)
        assert prepared.payoff_model is not None
        step = choose_verdict(
            prepared.payoff_model,
            prepared.context.claims,
            self._inputs(),
            settle=True,
            purchases=self._purchase,
        )
        means = prepared.payoff_model.at().payoff.mean(axis=0)
        return Choice(step.verdict, step.arm, step.confidence, tuple(means.tolist()))

    def value_of_cases(self, drawn: Drawn, n_more: int, seed: int) -> float:
        """What so many more cases are said to be worth before deciding, USD."""
        prepared = self.prepared(drawn, seed)
        assert prepared.payoff_model is not None
        choices, table = payoff_given_cases(prepared.payoff_model)
        chosen = int(np.argmax(table.mean(axis=0)))
        assert len(choices) == table.shape[1]
        return sample_value(table, kept_by_cases(n_more, prepared.payoff_model.draws.n_clusters), chosen)

    def _purchase(
        self, model: PayoffModel, payoffs: Payoffs, chosen: str, what_if: WhatIf
    ) -> SampleValue | None:
        prices = EvidencePrices(case=self.world.cost_per_case)
        return best_purchase(model, prices, chosen, what_if, payoffs=payoffs)

    def _inputs(self) -> VerdictInputs:
        return VerdictInputs(
            tuned_measured=any(arm.tuned for arm in self.world.arms.values()),
            blocked=(),
            no_verdict=(),
            invalid=(),
            missing=(),
            confidence=self.run.suite.decision.confidence,
            cost_per_case=self.world.cost_per_case,
            pilot=None,
        )
