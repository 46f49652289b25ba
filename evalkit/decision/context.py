"""Everything the checklist, the red flags and the verdict are answered from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from evalkit.comparison.table import ScoreTable
from evalkit.decision.claims import Claims
from evalkit.decision.limits import LimitCheck
from evalkit.decision.shared_cases import DecisionCases
from evalkit.economics.break_even import Basis, BreakEvenPoint, break_even
from evalkit.economics.ledger import ArmCosts, Terms
from evalkit.economics.lifetime import Lifetime
from evalkit.economics.net_benefit import PricedArm
from evalkit.economics.triangular import exact
from evalkit.pricing.arm_costs import ArmCostModel
from evalkit.pricing.fixed_costs import without_training
from evalkit.records.arm import ArmFacts
from evalkit.records.comparison import ArmSummary, Comparison, Curve
from evalkit.records.manifest import Manifest
from evalkit.records.profile import Profile, TrainingProfile
from evalkit.records.run_observations import RunObservations
from evalkit.records.tuning import TuningReport, TuningRun
from evalkit.suite.models import TunedModelConfig
from evalkit.suite.schema import IMPORTED_FROM, Suite


@dataclass(frozen=True, slots=True, eq=False)
class ComparedRun:
    """A run whose arms are compared: what a decision is made from, beside the suite and the prices.

    Attributes:
        manifest: When and from what the run was made.
        table: Its scores.
        comparison: Its summaries and differences.
        profile: Facts about its data.
        tuning: What its own training took; None where it trained nothing.
        observations: What was seen while the run was answered, the providers' announcements among it.
    """

    manifest: Manifest
    table: ScoreTable
    comparison: Comparison
    profile: Profile
    tuning: TuningReport | None = None
    observations: RunObservations = field(default_factory=RunObservations)


@dataclass(frozen=True, slots=True, eq=False)
class DecisionContext:
    """The run, what its arms cost, and the pair of arms that the question is about.

    Attributes:
        suite: Economics, limits, margin, alpha and confidence that the decision is made under.
        run: The compared run.
        arms: By name, candidates and curve points.
        summaries: By name of the arm, candidates and curve points.
        cost_models: By name of the arm, candidates and curve points; empty where no economics are declared.
        terms: Volume, value and horizon that all arms share; None where no economics are declared.
        claims: Paired differences of the tuned candidates and what they show.
        cases: The shared cases that the verdict rests on; None where there is none.
        wrong: By candidate, its observed share of wrong answers.
        lives: By name of the arm, how long its model answers inside the horizon; empty without economics.
        dominated: Candidates set aside although a cost of theirs is not known: worse than another in quality, and
            what is known of their cost is already above that other's total.
        limit_checks: By candidate, the limits that it breaks and those it has no figure for.
        tuned: The best tuned candidate, or None.
        untuned: The best untuned candidate, or None.
        today: The day the run was started: routes and prices are judged as of then, so that a decision made again
            later comes out the same.
    """

    suite: Suite
    run: ComparedRun
    arms: Mapping[str, ArmFacts]
    summaries: Mapping[str, ArmSummary]
    cost_models: Mapping[str, ArmCostModel]
    terms: Terms | None
    claims: Claims
    cases: DecisionCases | None
    wrong: Mapping[str, float]
    lives: Mapping[str, Lifetime]
    dominated: tuple[str, ...]
    limit_checks: Mapping[str, LimitCheck]
    tuned: str | None
    untuned: str | None
    today: date

    @property
    def table(self) -> ScoreTable:
        """The scores of the run."""
        return self.run.table

    @property
    def margin(self) -> float:
        """The difference in score that would not matter, as the suite declares it."""
        return self.suite.decision.margin

    @property
    def imported(self) -> bool:
        """Whether the scores were read from a table: prompts, texts and trainings behind them are not known."""
        return IMPORTED_FROM in self.suite.metadata

    @property
    def currency(self) -> str:
        """Three-letter code of the currency that the suite counts in."""
        return self.terms.currency if self.terms is not None else "USD"

    @property
    def candidates(self) -> tuple[ArmFacts, ...]:
        """The arms that may be recommended."""
        return self.table.candidates

    @property
    def horizon_months(self) -> int:
        """Months over which arms are compared: as declared, else a year."""
        return 12 if self.terms is None else self.terms.horizon_months

    def quality(self, arm: str) -> float | None:
        """Mean primary score of an arm; None where no case has one."""
        estimate = self.summaries[arm].quality.get(self.table.primary)
        return None if estimate is None else estimate.mean

    def unit_cost(self, arm: str) -> Decimal | None:
        """Money of one average request of an arm; None where it is not known or no economics are declared."""
        model = self.cost_models.get(arm)
        return None if model is None else model.costs.unit_cost

    def curve(self, kind: str, parent: str | None) -> Curve | None:
        """The shot curve or learning curve of an arm; None where it has none."""
        return next(
            (curve for curve in self.run.comparison.curves if curve.kind == kind and curve.parent == parent),
            None,
        )

    def training_file(self) -> TrainingProfile | None:
        """Facts about the rows that the tuned candidate was trained on, or would be; None where no file is known."""
        files = self.run.profile.training
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
        runs = () if self.run.tuning is None else self.run.tuning.runs
        return next((run for run in runs if (run.model, run.fraction, run.seed) == wanted), None)

    def priced(self, arm: str) -> PricedArm | None:
        """The arm's costs with what it achieved on the shared cases, for exact money.

        None where quality or economics are not known.
        """
        quality = self.shared_quality(arm)
        if arm not in self.cost_models or quality is None or self.quality(arm) is None:
            return None
        return PricedArm(
            self.costs(arm),
            exact(round(quality, 9)),
            exact(round(self.wrong.get(arm, 1.0 - quality), 9)),
        )

    def costs(self, arm: str) -> ArmCosts:
        """Ledger lines of an arm; the training of a model that is deployed as measured is sunk."""
        costs = self.cost_models[arm].costs
        sunk = self.suite.decision.deploy == "measured" and self.arms[arm].tuned
        return without_training(costs) if sunk else costs

    def shared_quality(self, arm: str) -> float | None:
        """Mean primary score on the shared cases, over all measured trainings of a tuned candidate.

        An arm that is not among the decision's has its own mean; None where no case has a score.
        """
        if self.cases is not None and arm in self.cases.scored.names:
            return self.cases.quality(arm)
        return self.quality(arm)

    def break_even(self) -> BreakEvenPoint | None:
        """Break-even of the best tuned and the best untuned candidate, with every input at its mode.

        On net benefit where a correct answer has a declared value, else on cost alone.

        Returns:
            None where one of the two is missing or has no score, or no economics are declared.
        """
        if self.terms is None or self.tuned is None or self.untuned is None:
            return None
        treatment, control = self.priced(self.tuned), self.priced(self.untuned)
        if treatment is None or control is None:
            return None
        basis: Basis = "cost" if self.terms.value_per_correct is None else "net"
        return break_even(treatment, control, self.terms, basis=basis)
