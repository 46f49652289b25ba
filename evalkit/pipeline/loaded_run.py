"""A run on disk, as a notebook sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.data.cases import Cases, read_cases
from evalkit.errors import IncompleteRunError, InputError, RunError
from evalkit.pipeline import spine
from evalkit.pipeline.extra_cases import extra_folder
from evalkit.records.comparison import Comparison
from evalkit.records.decision import Decision
from evalkit.records.manifest import Manifest
from evalkit.records.run import RunRecords
from evalkit.records.sample import Status
from evalkit.records.shard import ShardAnswers
from evalkit.store.run_folder import RunFolder
from evalkit.suite.load import suite_of_run
from evalkit.suite.schema import Suite

if TYPE_CHECKING:
    import pandas as pd


class Run:
    """A run on disk, as a notebook sees it: frames, the comparison, the decision.

    Shows itself as the arms table and the verdict.

    Args:
        folder: The run's folder.
        incomplete: Why some cells have no answer, where this run has just ended so.
        notice: What is to be said about a run that was loaded.
    """

    def __init__(
        self, folder: RunFolder, *, incomplete: IncompleteRunError | None = None, notice: str | None = None
    ) -> None:
        self._folder = folder
        self._incomplete = incomplete
        self._notice = notice

    @property
    def notice(self) -> str | None:
        """That it has not ended, or its files could not be compared with what was written; None where all is well."""
        return self._notice

    @property
    def incomplete(self) -> IncompleteRunError | None:
        """Why some cells have no answer, and the command that asks again; None for a run that was loaded."""
        return self._incomplete

    @property
    def complete(self) -> bool:
        """Whether the run has ended and every cell has an answer; the others are counted as missing, never as wrong."""
        if self._incomplete is not None or self._folder.manifest().finished_at is None:
            return False
        if not self._folder.samples_file.exists():  # imported: its scores came from elsewhere
            return True
        extras = (extra_folder(self._folder, name) for name in self.suite().extra_cases)
        folders = [self._folder, *(extra for extra in extras if extra.samples_file.exists())]
        return all(row.status is Status.OK for folder in folders for row in folder.samples())

    @property
    def shard_answers(self) -> ShardAnswers | None:
        """What was answered, for a shard; None for a whole run."""
        if (shard := self.manifest.shard) is None:
            return None
        ends = Counter(row.status for row in self._folder.samples())
        return ShardAnswers(
            suite=self.manifest.suite,
            run=str(self.path),
            shard=shard,
            answered=ends[Status.OK],
            failed=ends.total() - ends[Status.OK],
        )

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self._folder.path

    @property
    def folder(self) -> RunFolder:
        """Its files."""
        return self._folder

    @cached_property
    def manifest(self) -> Manifest:
        """What the run was made from."""
        return self._folder.manifest()

    @property
    def comparison(self) -> Comparison:
        """Arm by arm and pair by pair."""
        return self._folder.read("comparison.json", Comparison)

    @property
    def decision(self) -> Decision:
        """What to do, how sure that is, and what would change it."""
        return self._folder.read("decision.json", Decision)

    def suite(self, overrides: Mapping[str, str] | None = None, *, allow_outside: bool = False) -> Suite:
        """The suite that the run kept, with values changed by dotted key; code that it names is left alone."""
        folder = Path(self.manifest.suite_path)
        return suite_of_run(self.path, folder, overrides, allow_outside=allow_outside)

    def records(self, *, allow_outside: bool = False) -> RunRecords:
        """Everything a report shows.

        Args:
            allow_outside: Whether the cases, of which some are shown, may lie outside the suite's folder.
        """
        suite = self.suite(allow_outside=allow_outside)
        return spine.records_of(self._folder, suite, cases=self._cases(suite))

    def _cases(self, suite: Suite) -> Cases | None:
        """The cases that were answered; None where they are not there any more, so that no others are shown."""
        try:
            cases = read_cases(suite)
        except InputError:
            return None
        if self.manifest.limit is not None:
            cases = cases.first(self.manifest.limit)
        return cases if cases.digest == self.manifest.digests.cases else None

    def samples(self) -> pd.DataFrame:
        """One row a cell: case_id, arm, repeat, status, output, finish_reason, tokens, cost, seconds, error."""
        import pandas as pd

        return pd.DataFrame(
            {
                "case_id": sample.case_id,
                "arm": sample.arm,
                "repeat": sample.repeat,
                "status": str(sample.status),
                "output": sample.output,
                "finish_reason": sample.finish_reason,
                "input_tokens": None if sample.usage is None else sample.usage.prompt,
                "cached_tokens": None if sample.usage is None else sample.usage.cache_read,
                "output_tokens": None if sample.usage is None else sample.usage.output,
                "cost": None if sample.cost is None else sample.cost.model,
                "service_s": None if sample.timing is None else sample.timing.service_s,
                "device_s": None if sample.timing is None else sample.timing.device_s,
                "passages": [passage.id for passage in sample.passages],
                "replayed": sample.replayed,
                "error": sample.error,
            }
            for sample in self._folder.samples()
        )

    def scores(self) -> pd.DataFrame:
        """One row a cell and metric: case_id, arm, repeat, metric, value (NaN where missing), reason."""
        import pandas as pd

        columns = ("case_id", "arm", "repeat", "metric", "value", "reason", "explanation")
        return pd.DataFrame(
            ({name: getattr(row, name) for name in columns} for row in self._folder.scores()), columns=columns
        )

    def wide(self, metric: str | None = None) -> pd.DataFrame:
        """One row a case, one column an arm, the mean over repeats; NaN where missing.

        Args:
            metric: Default: the primary one.
        """
        name = metric or self.comparison.primary_metric
        scores = self.scores()
        metrics = sorted(set(scores["metric"]))
        if name not in metrics:
            raise RunError(f"this run has no scores of {name!r}; it has {', '.join(metrics)}")
        chosen = scores[scores["metric"] == name]
        frame = chosen.pivot_table(
            index="case_id", columns="arm", values="value", aggfunc="mean", dropna=False
        )
        arms = [arm.name for arm in self.manifest.arms if arm.name in frame.columns]
        return frame.reindex(columns=arms)

    def _repr_html_(self) -> str:
        from evalkit.reporting.html import summary_html

        return summary_html(self.records())

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"
