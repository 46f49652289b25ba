"""Everything the checklist and the red flags are answered from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from evalkit.comparison.table import ScoreTable
from evalkit.decision.claims import Claims
from evalkit.decision.limits import LimitCheck
from evalkit.economics.break_even import Basis, BreakEvenPoint, break_even
from evalkit.economics.ledger import Terms
from evalkit.economics.net_benefit import PricedArm
from evalkit.economics.triangular import exact
from evalkit.pricing.arm_costs import ArmMoney
from evalkit.records.arm import ArmFacts
from evalkit.records.comparison import ArmSummary, Comparison, Curve
from evalkit.records.manifest import Manifest
from evalkit.records.profile import Profile, TrainingProfile
from evalkit.records.run_observations import RunObservations
from evalkit.records.tuning import TuningReport, TuningRun
from evalkit.suite.models import TunedModelConfig
from evalkit.suite.schema import Suite


@dataclass(frozen=True, slots=True, eq=False)
class DecisionContext:
    """The run, its money, and the pair of arms that the question is about.

    Attributes:
        arms: By name, candidates and curve points.
        summaries: Likewise.
        money: Likewise; empty where no economics are declared.
        terms: None likewise.
        wrong: By candidate, its observed share of wrong answers.
        standing: By candidate, the limits it breaks.
        tuned: The best tuned candidate, or None.
        untuned: The best untuned candidate, or None.
        answering: What was seen while the run was answered, the providers' announcements among it.
        today: The day the run was started: routes and prices are judged as of then, so that a decision made again
            later comes out the same.
    """

    suite: Suite
    manifest: Manifest
    table: ScoreTable
    comparison: Comparison
    profile: Profile
    tuning: TuningReport | None
    arms: Mapping[str, ArmFacts]
    summaries: Mapping[str, ArmSummary]
    money: Mapping[str, ArmMoney]
    terms: Terms | None
    claims: Claims
    wrong: Mapping[str, float]
    standing: Mapping[str, LimitCheck]
    tuned: str | None
    untuned: str | None
    today: date
    answering: RunObservations = field(default_factory=RunObservations)

    @property
    def margin(self) -> float:
        """The loss that would not matter."""
        return self.suite.decision.margin

    @property
    def currency(self) -> str:
        """What the suite counts in."""
        return self.terms.currency if self.terms is not None else "USD"

    @property
    def candidates(self) -> tuple[ArmFacts, ...]:
        """The arms that may be recommended."""
        return self.table.candidates

    @property
    def horizon_months(self) -> int:
        """Declared, else a year."""
        return 12 if self.terms is None else self.terms.horizon_months

    def quality(self, arm: str) -> float | None:
        """Mean primary score of an arm."""
        found = self.summaries[arm].quality.get(self.table.primary)
        return None if found is None else found.mean

    def curve(self, kind: str, parent: str | None) -> Curve | None:
        """The shot curve or learning curve of an arm."""
        return next(
            (curve for curve in self.comparison.curves if curve.kind == kind and curve.parent == parent), None
        )

    def training_file(self) -> TrainingProfile | None:
        """Facts about the rows that the tuned candidate was trained on, or would be; None where no file is known."""
        files = self.profile.training
        trained = [
            config.train for config in self.suite.models.values() if isinstance(config, TunedModelConfig)
        ]
        for profile in files.values():
            if profile.file in trained:
                return profile
        if self.tuned is not None and not trained:
            return None  # trained elsewhere, on rows that the suite does not name
        return max(files.values(), key=lambda profile: profile.rows, default=None)

    def training_run(self, arm: str) -> TuningRun | None:
        """What training an arm's model took; None where it was not trained in this run."""
        facts = self.arms[arm]
        wanted = (facts.model, facts.fraction or 1.0, facts.seed or 1)
        runs = () if self.tuning is None else self.tuning.runs
        return next((run for run in runs if (run.model, run.fraction, run.seed) == wanted), None)

    def priced(self, arm: str) -> PricedArm | None:
        """The arm's costs with what it achieved, for exact money; None where quality or economics are not known."""
        quality = self.quality(arm)
        if arm not in self.money or quality is None:
            return None
        return PricedArm(
            self.money[arm].costs,
            exact(round(quality, 9)),
            exact(round(self.wrong.get(arm, 1.0 - quality), 9)),
        )

    def paid_back(self) -> BreakEvenPoint | None:
        """Break-even of the two arms at the mode: net where answers have a value, else on cost alone."""
        if self.terms is None or self.tuned is None or self.untuned is None:
            return None
        treatment, control = self.priced(self.tuned), self.priced(self.untuned)
        if treatment is None or control is None:
            return None
        basis: Basis = "cost" if self.terms.value_per_correct is None else "net"
        return break_even(treatment, control, self.terms, basis=basis)
