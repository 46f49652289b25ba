"""What a command does, as calls: for notebooks and pipelines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from evalkit import afterwards, beforehand, pipeline
from evalkit.clock import Clock
from evalkit.comparison.asked import Asked
from evalkit.comparison.published import RightOf, claims_from_counts, parse_counts
from evalkit.comparison.two_runs import Held
from evalkit.data.cases import Cases, read_cases
from evalkit.errors import (
    AccessError,
    CostLimitError,
    IncompleteRunError,
    InputError,
    InterruptedRunError,
    RunError,
)
from evalkit.records.compared import Compared
from evalkit.records.comparison import Comparison
from evalkit.records.decision import Decision
from evalkit.records.estimate import Estimate
from evalkit.records.manifest import Manifest
from evalkit.records.published import CountsDecision
from evalkit.records.repriced import Repriced
from evalkit.records.run import RunRecords
from evalkit.runner.answer import Tally
from evalkit.runner.begin import begin_run, continue_run, finish_run
from evalkit.runner.progress import Progress, Silent
from evalkit.runner.stop import Stop, stop_on_interrupt
from evalkit.runner.table_suite import IMPORTED_FROM
from evalkit.store.cache import NoCache, ResponseCache, SqliteCache, cache_folder
from evalkit.store.lock import sole_writer
from evalkit.store.run_folder import RunFolder, find_run
from evalkit.store.write_behind import WriteBehind
from evalkit.suite.load import load_suite, suite_of_run, with_prices
from evalkit.suite.price_override import PRICES_FILE
from evalkit.suite.schema import Suite

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

REPORTS = Path("reports")


class Run:
    """A run on disk, as a notebook sees it: frames, the comparison, the decision.

    Shows itself as the arms table and the verdict.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

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

    def suite(self, overrides: Mapping[str, str] | None = None) -> Suite:
        """The suite that the run kept, with values changed by dotted key."""
        return suite_of_run(self.path, Path(self.manifest.suite_path), overrides)

    def records(self) -> RunRecords:
        """Everything a report shows."""
        suite = self.suite()
        cases: Cases | None
        try:
            cases = read_cases(suite)
        except InputError:  # the suite's data has moved: the report goes without excerpts
            cases = None
        return pipeline.records_of(self._folder, suite, cases=cases)

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
        known = sorted(set(scores["metric"]))
        if name not in known:
            raise RunError(f"this run has no scores of {name!r}; it has {', '.join(known)}")
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


def run(
    suite: Suite | str | Path,
    *,
    output: str | Path = REPORTS,
    limit: int | None = None,
    resume: str | Path | None = None,
    retry_errors: bool = False,
    use_cache: bool = True,
    max_concurrency: int | None = None,
    cost_limit: Decimal | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> Run:
    """Answer, score, compare, decide and report.

    Args:
        suite: A suite, or where one is.
        output: Where runs are kept.
        limit: Only the first cases.
        resume: A run to go on with: its folder, its id, or ``latest``.
        retry_errors: Whether failed cells are asked again.
        use_cache: Whether answers given before are replayed.
        max_concurrency: Requests in flight; default: the suite's, else the model's.
        cost_limit: Stop before more than this is spent, in the suite's currency.
        progress: Who is told how far the work is.
        clock: For stamps.

    Raises:
        InputError: Something is wrong with the suite or its files; nothing was run.
        IncompleteRunError: Some cells have no answer. Everything else is done and on disk.
        InterruptedRunError: Stopped by Ctrl-C.
        CostLimitError: Stopped by the cost limit.

    Example:
        >>> run("suites/support-desk", limit=30).decision.verdict  # doctest: +SKIP
        <Verdict.FINE_TUNE: 'fine_tune'>
    """
    loaded = suite if isinstance(suite, Suite) else load_suite(suite)
    clock = clock or Clock()
    root = Path(output)
    earlier = None if resume is None else find_run(resume, root, suite=loaded.name)
    if earlier is not None:
        limit = earlier.manifest().limit
        loaded = _at_run_prices(loaded, earlier)
    prepared = pipeline.prepare(loaded, limit=limit)
    limit_now = cost_limit if cost_limit is not None else loaded.run.cost_limit
    experiment = prepared.experiment
    folder = earlier or begin_run(experiment, root, clock=clock)
    with sole_writer(folder.path), closing(_open_cache(use_cache)) as cache:
        if earlier is not None:
            continue_run(experiment, folder)
        asking = pipeline.Asking(
            cache=cache,
            progress=progress or Silent(),
            clock=clock,
            max_concurrency=max_concurrency,
            retry_errors=retry_errors,
        )
        _run_stages(prepared, folder, asking, Stop(limit_now), clock)
    return Run(folder)


def estimate(
    suite: Suite | str | Path,
    *,
    limit: int | None = None,
    cached: bool = False,
    probe: bool = True,
    progress: Progress | None = None,
) -> Estimate:
    """Calls, tokens, money and time of a run, before anything is spent.

    Args:
        suite: A suite, or where one is.
        limit: Only the first cases.
        cached: Leave out the answers and adapters that are kept from earlier runs.
        probe: Let local models answer a few batches and train a few steps, to know how long they take.
        progress: Who is told how far the work is.

    Raises:
        InputError: Something is wrong with the suite or its files.
    """
    loaded = suite if isinstance(suite, Suite) else load_suite(suite)
    prepared = pipeline.prepare(loaded, limit=limit)
    with closing(_open_cache(cached)) as cache:
        return _wait(
            beforehand.estimate(
                prepared,
                cache=cache if cached else None,
                probe=probe,
                progress=progress or Silent(),
            )
        )


def load_run(path: str | Path, *, output: str | Path = REPORTS) -> Run:
    """A run made before: its folder, its id, or ``latest``."""
    return Run(find_run(path, Path(output)))


def score(run: Run) -> Run:
    """Mark a run again with its suite's present metrics, then compare, decide and report again."""
    prepared = _prepared_again(run)
    with sole_writer(run.path):
        _after_answers(prepared, run.folder)
    return run


def decide(run: Run, overrides: Mapping[str, str] | None = None) -> Decision:
    """Decide again under other assumptions; asks no model and changes nothing on disk.

    Args:
        run: A compared run.
        overrides: Dotted suite key to YAML value: ``{"economics.requests_per_month": "50000"}``.

    Raises:
        SuiteError: A key does not exist or a value does not fit.
    """
    return pipeline.decide_run(run.folder, run.suite(overrides))


def compare(
    run: Run,
    other: Run | None = None,
    *,
    metrics: Sequence[str] = (),
    arms: tuple[str, str] | None = None,
) -> Compared:
    """Paired differences between the arms of a run, or arm by arm between two runs: ``other`` minus ``run``.

    Args:
        run: A compared run.
        other: A second one, paired with the first by case id on the cases that both have.
        metrics: Beside the primary one.
        arms: Only the second minus the first; with two runs, the first of ``run`` and the second of ``other``.

    Raises:
        InputError: A name is unknown, or the runs have nothing in common.
    """
    asked = Asked(metrics, arms)
    if other is None:
        return afterwards.compare_again(run.folder, run.suite(), asked)
    first, second = (Held(one.folder, one.suite(), one.manifest) for one in (run, other))
    return afterwards.compare_two(first, second, asked)


def decide_counts(counts: str | Mapping[str, tuple[int, int]], *, alpha: float = 0.05) -> CountsDecision:
    """What a published table lets one claim, where only counts of right answers are known.

    Args:
        counts: By arm, right answers and cases, or the same as text; all arms on the same cases.
        alpha: Two-sided error rate of all pairs together.

    Raises:
        InputError: The counts cannot be of one table.

    Example:
        >>> decide_counts("base=13/30,rag=26/30").pairs[0].words
        'claimable whatever the overlap (b + c between 13 and 21)'
    """
    given = (
        parse_counts(counts)
        if isinstance(counts, str)
        else {name: RightOf(right, n) for name, (right, n) in counts.items()}
    )
    return claims_from_counts(given, alpha=alpha)


def reprice(run: Run, prices: str | Path, *, write: bool = False) -> Repriced:
    """What a run would have cost at other prices, and whether its verdict changes.

    Args:
        run: A decided run; its samples are never changed.
        prices: YAML or JSON with a suite's ``prices`` rows, and ``device_hour`` by model for local ones.
        write: Whether the run keeps these prices: its decision and reports are written again.

    Raises:
        SuiteError: The price file cannot be used; gives its line.
    """
    if not write:
        return afterwards.reprice(run.folder, run.suite(), Path(prices), write=False)
    with sole_writer(run.path):
        found = afterwards.reprice(run.folder, run.suite(), Path(prices), write=True)
        report(run)
    return found


def import_table(
    table: str | Path, *, suite: str | Path | None = None, output: str | Path | None = None
) -> Run:
    """A run made of scores from elsewhere, compared, decided and reported.

    Args:
        table: CSV, TSV, JSONL or Parquet with columns ``case_id``, ``arm`` and one for each metric.
        suite: A suite file, or part of one, for economics, prices, models and decision settings.
        output: Folder of the run; default: under ``reports``.

    Raises:
        DataError: The table cannot be used; gives its lines.
        SuiteError: The suite file cannot.
    """
    folder = None if output is None else Path(output)
    given = None if suite is None else Path(suite)
    return Run(afterwards.import_table(Path(table), given, folder, clock=Clock()))


def report(run: Run, path: str | Path | None = None) -> list[Path]:
    """Write report.html, report.md and report.json; beside the run unless another folder is named."""
    return pipeline.report(run.folder, run.records(), None if path is None else Path(path))


def _open_cache(use_cache: bool) -> ResponseCache:
    return WriteBehind(SqliteCache(cache_folder() / "responses.sqlite")) if use_cache else NoCache()


def _run_stages(
    prepared: pipeline.Prepared, folder: RunFolder, asking: pipeline.Asking, stop: Stop, clock: Clock
) -> None:
    progress = asking.progress
    progress.stage("Profile")
    pipeline.profile_data(prepared, folder)
    progress.stage("Tuning")
    tuned = pipeline.tune(prepared, folder, asking)
    progress.stage("Answering")
    with stop_on_interrupt(stop):
        tallies = _wait(pipeline.answer(prepared, folder, tuned, asking, stop))
    resume = f"evalkit run {prepared.suite.folder} --resume {folder.path.name}"
    if stop.reason == "interrupted":
        raise InterruptedRunError(f"Interrupted; what was answered is kept. Resume:\n  {resume}")
    if stop.reason == "cost_limit":
        raise CostLimitError(
            f"The cost limit is reached ({stop.spent} spent). Resume with a higher one:\n  {resume}"
        )
    if refused := next((tally.refused for tally in tallies.values() if tally.refused is not None), None):
        raise AccessError(
            f"{refused}\nNothing else was asked of this endpoint. When it is mended, resume:\n  {resume}"
        )
    progress.stage("Scoring, comparing, deciding, reporting")
    _after_answers(prepared, folder)
    finish_run(folder, clock=clock)
    if failed := sum(tally.errors for tally in tallies.values()):
        raise IncompleteRunError(_failed_words(tallies, failed, resume), str(folder.path))


def _after_answers(prepared: pipeline.Prepared, folder: RunFolder) -> None:
    pipeline.score(prepared, folder)
    pipeline.compare_arms(prepared, folder)
    pipeline.write_decision(folder, prepared.suite)
    pipeline.report(folder, pipeline.records_of(folder, prepared.suite, cases=prepared.cases))


def _prepared_again(run: Run) -> pipeline.Prepared:
    """The run's suite, ready for the stages after answering; its cases must be those that were answered."""
    manifest = run.manifest
    if (table := run.suite().metadata.get(IMPORTED_FROM)) is not None:
        raise RunError(f"{run.path} was imported from {table}: change the scores there and import them again")
    suite = _at_run_prices(load_suite(manifest.suite_path), run.folder)
    prepared = pipeline.prepare(suite, limit=manifest.limit)
    if prepared.cases.digest != manifest.digests.cases:
        raise RunError(
            f"the cases of {manifest.suite_path} changed since {run.path} was answered; run the suite again"
        )
    return prepared


def _at_run_prices(suite: Suite, run: RunFolder) -> Suite:
    """The suite under the prices that a repriced run keeps."""
    return with_prices(suite, run.file(PRICES_FILE)) if run.has(PRICES_FILE) else suite


def _failed_words(tallies: Mapping[str, Tally], failed: int, resume: str) -> str:
    reasons: dict[str, int] = {}
    for tally in tallies.values():
        for reason, count in tally.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + count
    commonest = sorted(reasons.items(), key=lambda item: -item[1])[:3]
    listed = "; ".join(f"{reason} ({count})" for reason, count in commonest)
    counted = f"{failed} cells have no answer: {listed}. The report counts them as missing."
    return f"{counted} Ask again:\n  {resume} --retry-errors"


def _wait(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, also where an event loop is already running (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    result: list[T] = []
    fault: list[BaseException] = []

    def target() -> None:
        try:
            result.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - carried to the caller's thread
            fault.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if fault:
        raise fault[0]
    return result[0]
