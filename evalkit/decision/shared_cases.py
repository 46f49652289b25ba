"""What the joint draws start from: every candidate's scores and use on the cases that the decision rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.comparison.table import (
    SECONDS,
    TOKEN_KINDS,
    BoolArray,
    FloatArray,
    IntArray,
    ScoreTable,
    mean_over_repeats,
)
from evalkit.records.arm import ArmFacts, ArmKind
from evalkit.stats.scored_cases import ScoredCases

MIN_COVERAGE = 0.9
"""An arm with a score on a smaller share of the cases does not define the set that all are compared on."""

ABSTAINED, DEVICE_S, STATED, OWN = "abstained", "device_s", "stated", "own"
"""Names of what is averaged over the same weights as the scores, beside the kinds of tokens."""


@dataclass(frozen=True, slots=True, eq=False)
class DecisionCases:
    """The shared cases with all candidates' scores on them.

    Attributes:
        scored: Scores, clusters, weights, and what goes with them.
        shared: Shape (n_cases of the run,), the cases that are shared.
        trainings: By tuned candidate, the arms of the run that are its measured trainings, its own first.
        seed_scores: By tuned candidate, shape (n_shared, n_trainings).
        n_repeated: Shared cases whose input an earlier one has already shown: they are no further cases.
        left_out: Candidates that do not define the set; where they have no score, their answer counts as wrong.
    """

    scored: ScoredCases
    shared: BoolArray
    trainings: Mapping[str, tuple[str, ...]]
    seed_scores: Mapping[str, FloatArray]
    n_repeated: int
    left_out: tuple[str, ...]

    @property
    def n_cases(self) -> int:
        """How many cases are shared."""
        return int(self.shared.sum())

    @property
    def n_distinct(self) -> int:
        """How many of them ask something that no other of them asks."""
        return self.n_cases - self.n_repeated

    @property
    def clusters(self) -> IntArray:
        """Shape (n_shared,), the number of each shared case's cluster."""
        assert self.scored.clusters is not None  # noqa: S101 - decision_cases gives them
        return self.scored.clusters

    @property
    def n_clusters(self) -> int:
        """Clusters that the shared cases lie in."""
        return int(self.clusters.max()) + 1

    def column(self, arm: str) -> int:
        """The column of an arm in every table."""
        return self.scored.names.index(arm)

    def quality(self, arm: str) -> float:
        """Mean score of an arm over the shared cases, over all its measured trainings."""
        return self._mean(self.scored.scores[:, self.column(arm)])

    def wrong(self, arm: str) -> float:
        """Share of its answers that are neither right nor declined."""
        return self._mean(self.wrong_by_case(arm))

    def wrong_by_case(self, arm: str) -> FloatArray:
        """Shape (n_shared,), how wrong its answer to each case is."""
        at = self.column(arm)
        declined = np.nan_to_num(self.scored.alongside[ABSTAINED][:, at])
        return np.asarray(np.maximum(0.0, 1.0 - self.scored.scores[:, at] - declined), dtype=np.float64)

    @property
    def all_alike(self) -> bool:
        """Whether these are all cases of the run, each counted once."""
        return bool(self.shared.all()) and self.scored.weights is None

    def mean_use(self, arm: str, what: str) -> float | None:
        """Mean tokens of a kind, device seconds or stated money of an arm's requests; None where none is known."""
        if what not in self.scored.alongside:
            return None
        values = self.scored.alongside[what][:, self.column(arm)]
        known = np.isfinite(values)
        weights = np.ones(values.size) if self.scored.weights is None else self.scored.weights
        whole = float(weights[known].sum())
        return float((values * weights)[known].sum()) / whole if whole > 0.0 else None

    def _mean(self, values: FloatArray) -> float:
        weights = self.scored.weights
        return float(values.mean()) if weights is None else float((values * weights).sum() / weights.sum())


def kind_of(kind: ArmKind) -> str:
    """What an arm counts as among the choices: tuned, retrieval or prompting."""
    if kind.tuned:
        return "tuned"
    return "retrieval" if kind is ArmKind.RAG else "prompting"


def decision_cases(
    table: ScoreTable,
    arms: Sequence[ArmFacts],
    *,
    wrong_where_missing: frozenset[str] = frozenset(),
    weights: FloatArray | None = None,
    deploy_seed: int | None = None,
) -> DecisionCases | None:
    """The cases that every arm which defines the set has a score for, and what all arms did on them.

    Arms with a score on under 90% of the cases do not define the set: what they failed to answer would choose the
    cases. Where such an arm has no score, its answer counts as wrong.

    Args:
        table: The run, leaked cases set aside.
        arms: The candidates; each has at least one score.
        wrong_where_missing: Candidates whose missing answers count as wrong from the start.
        weights: Shape (n_cases of the run,), weights in production; None for equal ones.
        deploy_seed: The training that serves at first under ``deploy: measured``; default: the candidate's own.

    Returns:
        None where no case is shared.
    """
    trainings = {
        arm.name: tuple(each.name for each in table.trainings(arm.name)) for arm in arms if arm.tuned
    }
    scores = {
        arm.name: np.stack(
            [table.training_scores(name) for name in trainings.get(arm.name, (arm.name,))], axis=1
        )
        for arm in arms
    }
    for name in wrong_where_missing & scores.keys():
        scores[name] = np.nan_to_num(scores[name])
    known: dict[str, BoolArray] = {
        name: np.asarray(np.isfinite(by_seed).all(axis=1), dtype=np.bool_) for name, by_seed in scores.items()
    }
    defining = [name for name, has in known.items() if has.mean() >= MIN_COVERAGE] or list(known)
    shared: BoolArray = np.asarray(np.stack([known[name] for name in defining]).all(axis=0), dtype=np.bool_)
    if weights is not None:
        shared &= weights > 0.0
    if not shared.any():
        return None
    seed_scores = {name: np.nan_to_num(by_seed[shared]) for name, by_seed in scores.items()}
    columns = np.stack([seed_scores[arm.name].mean(axis=1) for arm in arms], axis=1)
    repeated = table.status.shape[2] > 1
    return DecisionCases(
        scored=ScoredCases(
            names=tuple(arm.name for arm in arms),
            kinds=tuple(kind_of(arm.kind) for arm in arms),
            scores=columns,
            averaged=tuple(repeated or seed_scores[arm.name].shape[1] > 1 for arm in arms),
            clusters=np.unique(table.clusters[shared], return_inverse=True)[1].astype(np.int64),
            alongside=_alongside(table, arms, trainings, shared, columns)
            | _own_scores(table, arms, trainings, seed_scores, deploy_seed),
            weights=None if weights is None else weights[shared] / weights[shared].mean(),
        ),
        shared=shared,
        trainings=trainings,
        seed_scores={name: seed_scores[name] for name in trainings},
        n_repeated=0 if table.repeated is None else int(table.repeated[shared].sum()),
        left_out=tuple(name for name in known if name not in defining),
    )


def _alongside(
    table: ScoreTable,
    arms: Sequence[ArmFacts],
    trainings: Mapping[str, tuple[str, ...]],
    shared: BoolArray,
    scores: FloatArray,
) -> dict[str, FloatArray]:
    """Tokens, device seconds, stated cost and abstentions by case, shape (n_shared, n_arms); NaN where unknown."""
    by_arm = [
        _mean_over([_use(table, name, shared) for name in trainings.get(arm.name, (arm.name,))])
        for arm in arms
    ]
    columns = {name: np.stack([use[name] for use in by_arm], axis=1) for name in by_arm[0]}
    # A declined answer that the metric counts as right (a case whose reference is "unknown") is no abstention.
    columns[ABSTAINED] = np.minimum(np.nan_to_num(columns[ABSTAINED]), 1.0 - np.minimum(scores, 1.0))
    return columns


def _use(table: ScoreTable, arm: str, shared: BoolArray) -> dict[str, FloatArray]:
    row = table.row(arm)
    tokens = table.tokens[row][shared].astype(np.float64)
    seconds = table.seconds[row][shared].astype(np.float64)
    use = {kind: mean_over_repeats(tokens[..., place]) for place, kind in enumerate(TOKEN_KINDS)}
    use[DEVICE_S] = mean_over_repeats(seconds[..., SECONDS.index(DEVICE_S)])
    use[STATED] = mean_over_repeats(table.cost[row][shared])
    use[ABSTAINED] = mean_over_repeats(table.abstained[row][shared].astype(np.float64))
    return use


def _mean_over(uses: Sequence[Mapping[str, FloatArray]]) -> dict[str, FloatArray]:
    if len(uses) == 1:
        return dict(uses[0])
    return {name: mean_over_repeats(np.stack([use[name] for use in uses], axis=1)) for name in uses[0]}


def _own_scores(
    table: ScoreTable,
    arms: Sequence[ArmFacts],
    trainings: Mapping[str, tuple[str, ...]],
    seed_scores: Mapping[str, FloatArray],
    deploy_seed: int | None,
) -> dict[str, FloatArray]:
    """The scores of the training that would be deployed as measured; empty where each arm was trained once."""
    if all(len(names) == 1 for names in trainings.values()):
        return {}
    seeds = {arm.name: arm.seed or 1 for arm in table.arms}
    columns = []
    for arm in arms:
        names = trainings.get(arm.name, (arm.name,))
        named = [at for at, name in enumerate(names) if seeds[name] == deploy_seed]
        columns.append(seed_scores[arm.name][:, named[0] if named else 0])
    return {OWN: np.stack(columns, axis=1)}
