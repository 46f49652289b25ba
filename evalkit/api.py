"""What a command does, as calls: for notebooks and pipelines."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from evalkit.clock import Clock
from evalkit.comparison.comparison_request import ComparisonRequest
from evalkit.comparison.published import CorrectCount, claims_from_counts, parse_counts
from evalkit.comparison.two_runs import RunInput
from evalkit.errors import IncompleteRunError, IncompleteRunWarning, InputError
from evalkit.pipeline import estimate_run, gate_inputs, import_run, revisit_run, spine
from evalkit.pipeline import gate_run as gate_stage
from evalkit.pipeline.check_run import check_run, refuse_shard
from evalkit.pipeline.earlier_runs import method_note
from evalkit.pipeline.execute_run import (
    at_run_prices,
    conclude_answered,
    execute_stages,
    reload_prepared,
    score_to_report,
    wait,
)
from evalkit.pipeline.loaded_run import Run
from evalkit.pipeline.merge_runs import join_shards
from evalkit.pipeline.shard_checks import (
    batch_note,
    check_whole,
    read_shards,
    resumed_shard,
    suite_of_shards,
    version_note,
)
from evalkit.pipeline.train import check_local_models, train_and_export
from evalkit.pricing.check_prices import check_cost_limit
from evalkit.records.comparison_result import ComparisonResult
from evalkit.records.decision import Decision
from evalkit.records.estimate import RunEstimate
from evalkit.records.gate import GateResult
from evalkit.records.published import CountsDecision
from evalkit.records.repriced import Repriced
from evalkit.records.tuning import TuningReport
from evalkit.runner.progress import Progress, Silent
from evalkit.runner.run_start import resume_run, start_run
from evalkit.runner.shard import parse_shard
from evalkit.runner.stop_signal import StopSignal
from evalkit.store.lock import sole_writer
from evalkit.store.run_folder import REPORTS, find_run
from evalkit.store.seal import REMADE, resealed
from evalkit.store.write_behind import open_cache
from evalkit.suite.load import load_suite
from evalkit.suite.schema import Suite
from evalkit.suite.trust import allowed


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
    shard: str | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> Run:
    """Answer, score, compare, decide and report: a whole run of a suite.

    Where some cells found no answer, everything else is done and on disk all the same: the run is returned with
    ``complete`` False, and a warning says why and how to ask again.

    Args:
        suite: A suite, or the path of one: its folder or its ``suite.yaml``.
        output: The folder that holds the runs.
        limit: Only the first cases.
        resume: A run to go on with: its folder, its id, or ``latest``.
        retry_errors: Whether failed cells are asked again.
        use_cache: Whether answers given before are replayed.
        max_concurrency: Most requests in flight to one model; default: the suite's, else the model's.
        cost_limit: Stop before more than this is spent, in the suite's currency.
        shard: Only this part of the run, such as ``3/8``, and only its answers; :func:`merge` makes one run of all
            parts. Tuned models must have been made before. Of a cost limit that the suite states, each part has an
            equal share. A shard that is resumed stays what it is.
        progress: Is called as the work advances; default: nothing is shown.
        clock: Gives the times that the run records; default: the machine's.

    Raises:
        InputError: Something is wrong with the suite or its files; nothing was run.
        InterruptedRunError: Stopped by Ctrl-C.
        CostLimitError: Stopped by the cost limit.
        AccessError: The provider refused every request; nothing else was asked of it.

    Warns:
        IncompleteRunWarning: Some cells have no answer.

    Example:
        >>> run("suites/support-desk", limit=30).decision.verdict  # doctest: +SKIP
        <Verdict.FINE_TUNE: 'fine_tune'>
    """
    loaded = suite if isinstance(suite, Suite) else load_suite(suite)
    clock = clock or Clock()
    root = Path(output)
    part = None if shard is None else parse_shard(shard)
    earlier = None if resume is None else find_run(resume, root, suite=loaded.name)
    if earlier is not None:
        check_run(earlier, without=REMADE, resumes=True)
        limit, part = earlier.manifest().limit, resumed_shard(earlier, part)
        loaded = at_run_prices(loaded, earlier)
    prepared = spine.prepare(loaded, limit=limit)
    for doubt in prepared.doubts:
        (progress or Silent()).note(f"Note: {doubt}.")
    _tell_warnings(prepared.suite, progress)
    limit_now = cost_limit
    if limit_now is None and loaded.run.cost_limit is not None:
        limit_now = loaded.run.cost_limit / (1 if part is None else part.count)
    if limit_now is not None:
        check_cost_limit(loaded, prepared.prices)
    experiment = dataclasses.replace(prepared.experiment, shard=part)
    folder = earlier or start_run(experiment, root, clock=clock)
    with sole_writer(folder.path), closing(open_cache(use_cache)) as cache:
        if earlier is not None:
            resume_run(experiment, folder)
        asking = spine.AnswerOptions(
            cache=cache,
            progress=progress or Silent(),
            clock=clock,
            max_concurrency=max_concurrency,
            retry_errors=retry_errors,
            shard=part,
        )
        try:
            execute_stages(prepared, folder, asking, StopSignal(limit_now), clock)
        except IncompleteRunError as error:
            warnings.warn(str(error), IncompleteRunWarning, stacklevel=2)
            return Run(folder, incomplete=error)
    return Run(folder)


def merge(
    shards: Sequence[str | Path],
    *,
    suite: Suite | str | Path | None = None,
    output: str | Path = REPORTS,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> Run:
    """One run of all its shards: their answers together, scored, compared, decided and reported as one run.

    Scores, comparison and decision are those of one run that asks everything; what a clock measured is the shards' own.
    No model is asked but by a metric that asks one. The shards are left as they are. Where cells have no answer, the
    merged run says so as :func:`run` does.

    Args:
        shards: All of them, in any order: their folders or ids.
        suite: Their suite, or its path; default: where it lay when the first of them began.
        output: The folder that holds the runs.
        progress: Is called as the work advances; default: nothing is shown.
        clock: Gives the times that the run records; default: the machine's.

    Raises:
        RunError: One is missing, there twice, damaged, or of another run; says which, and what to do.
        IncompleteRunError: One has not ended; says how to go on with it. Nothing was merged.
        InputError: The suite cannot be used.

    Warns:
        IncompleteRunWarning: Some cells have no answer.
    """
    if not shards:
        raise InputError("no shard is named, so there is nothing to merge")
    root, clock = Path(output), clock or Clock()
    parts = read_shards([find_run(shard, root) for shard in shards])
    manifest = parts[0].manifest
    loaded = suite if isinstance(suite, Suite) else load_suite(suite or suite_of_shards(shards, root))
    prepared = spine.prepare(loaded, limit=manifest.limit)
    check_whole(parts, prepared.experiment)
    shown = progress or Silent()
    for note in (version_note(parts), batch_note(prepared)):
        if note is not None:
            shown.note(note)
    folder, counts = join_shards(parts, prepared, root, clock=clock)
    with sole_writer(folder.path):
        try:
            conclude_answered(prepared, folder, counts, shown, clock)
        except IncompleteRunError as error:
            warnings.warn(str(error), IncompleteRunWarning, stacklevel=2)
            return Run(folder, incomplete=error)
    return Run(folder)


def estimate(
    suite: Suite | str | Path,
    *,
    limit: int | None = None,
    cached: bool = False,
    probe: bool = True,
    progress: Progress | None = None,
) -> RunEstimate:
    """Calls, tokens, money and time of a run, before anything is spent.

    Args:
        suite: A suite, or the path of one: its folder or its ``suite.yaml``.
        limit: Only the first cases.
        cached: Leave out the answers and adapters that are kept from earlier runs.
        probe: Let local models answer a few batches and train a few steps, to know how long they take.
        progress: Is called as the work advances; default: nothing is shown.

    Raises:
        InputError: Something is wrong with the suite or its files.
    """
    loaded = suite if isinstance(suite, Suite) else load_suite(suite)
    prepared = spine.prepare(loaded, limit=limit)
    _tell_warnings(prepared.suite, progress)
    with closing(open_cache(cached)) as cache:
        return wait(
            estimate_run.estimate(
                prepared,
                cache=cache if cached else None,
                probe=probe,
                progress=progress or Silent(),
            )
        )


def _tell_warnings(suite: Suite, progress: Progress | None) -> None:
    """Check the models of this machine before anything is started; what is no error is told."""
    for warning in check_local_models(suite):
        (progress or Silent()).note(f"Warning: {warning}")


def tune(
    suite: Suite | str | Path,
    *,
    model: str | None = None,
    export: str | Path | None = None,
    progress: Progress | None = None,
) -> TuningReport:
    """Train the suite's tuned models, or find them in the cache; a run of the suite then uses them.

    Args:
        suite: A suite, or the path of one: its folder or its ``suite.yaml``.
        model: One tuned model; default: all that arms use.
        export: Where to write the model with its adapter merged, as an ordinary transformers folder.
        progress: Is called as the work advances; default: nothing is shown.

    Raises:
        InputError: Something is wrong with the suite or its files, or ``export`` is there already.
        TuningError: A training failed.
    """
    loaded = suite if isinstance(suite, Suite) else load_suite(suite)
    prepared = spine.prepare(loaded)
    return train_and_export(
        prepared.suite,
        progress=progress or Silent(),
        model=model,
        export=None if export is None else Path(export),
    )


def _run_whole(suite: Suite, **options: Any) -> Run:
    """A run of a suite in which no answer is missing.

    Raises:
        IncompleteRunError: One is.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IncompleteRunWarning)
        done = run(suite, **options)
    if done.incomplete is not None:
        raise done.incomplete
    return done


def load_run(path: str | Path, *, output: str | Path = REPORTS, to_score: bool = False) -> Run:
    """A run that was made before.

    Args:
        path: The run's folder, its id, or ``latest``.
        output: The folder that holds the runs.
        to_score: It is loaded to be scored again, so what scoring makes anew may be damaged.

    Raises:
        RunError: There is no such run, an id names several, it is damaged (gives file and line), or it is one shard of
            a run, which has no figures of its own.
    """
    folder = find_run(path, Path(output))
    refuse_shard(folder)
    return Run(folder, notice=check_run(folder, without=REMADE if to_score else ()))


def score(run: Run, *, allow_plugins: bool = False, allow_outside: bool = False) -> Run:
    """Score a run again with the metrics that its suite has now, then compare, decide and report again.

    Args:
        run: An answered run.
        allow_plugins: As for :func:`evalkit.load_suite`, for the suite that the run was made from.
        allow_outside: Likewise.
    """
    prepared = reload_prepared(run.folder, allowed(plugins=allow_plugins, outside=allow_outside))
    with sole_writer(run.path), resealed(run.folder):
        score_to_report(prepared, run.folder)
    return run


def decide(run: Run, overrides: Mapping[str, str] | None = None) -> Decision:
    """Decide again under other assumptions; asks no model and changes nothing on disk.

    The first of the decision's notes says so where the run was decided by another method.

    Args:
        run: A compared run.
        overrides: Dotted suite key to YAML value: ``{"economics.requests_per_month": "50000"}``.

    Raises:
        SuiteError: A key does not exist or a value does not fit.
    """
    decision = spine.decide_run(run.folder, run.suite(overrides))
    note = method_note(run.folder, run.manifest)
    return decision if note is None else replace(decision, notes=(note, *decision.notes))


def compare(
    run: Run,
    other: Run | None = None,
    *,
    metrics: Sequence[str] = (),
    arms: tuple[str, str] | None = None,
) -> ComparisonResult:
    """Paired differences between the arms of a run, or arm by arm between two runs: ``other`` minus ``run``.

    Args:
        run: A compared run.
        other: A second one, paired with the first by case id on the cases that both have.
        metrics: Names of further metrics; the primary one is always compared.
        arms: Only the second minus the first; with two runs, the first of ``run`` and the second of ``other``.

    Raises:
        InputError: A name is unknown, or the runs have nothing in common.
    """
    request = ComparisonRequest(metrics, arms)
    if other is None:
        return revisit_run.compare_again(run.folder, run.suite(), request)
    first, second = (RunInput(one.folder, one.suite(), one.manifest) for one in (run, other))
    return revisit_run.compare_two(first, second, request)


def gate(
    run: Run | Suite | str | Path,
    baseline: str | Path | None = None,
    *,
    output: str | Path = REPORTS,
    use_cache: bool = True,
    cost_limit: Decimal | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> GateResult:
    """Hold a run against a baseline by the rules of the suite's ``gate`` section.

    Writes gate.json, gate.md and junit.xml into the run's folder. Where the gate would fail and ``gate.confirm`` says
    so, changed cases are asked again first.

    Args:
        run: A finished run, its folder, its id or ``latest``; or a suite or its path, which is run first.
        baseline: The baseline's file; default: ``baseline.json`` in the suite's folder.
        output: The folder that holds the runs.
        use_cache: Whether answers given before are replayed.
        cost_limit: Most money that run and confirming may spend together; default: the suite's limit.
        progress: Is called as the work advances; default: nothing is shown.
        clock: Gives the times that are recorded; default: the machine's.

    Returns:
        What the gate says; ``exit_code`` is what the command would exit with.

    Raises:
        NotComparableError: The baseline is of other cases, metrics or arms; nothing was judged.
        IncompleteRunError: Answers are missing; nothing was judged.
        RunError: The baseline is missing, damaged, edited or of a newer format.
        CostLimitError: Stopped by the cost limit; nothing was judged.

    Example:
        >>> gate("suites/support-desk").verdict  # doctest: +SKIP
        'passed'
    """
    options = gate_stage.GateOptions(
        use_cache=use_cache, cost_limit=cost_limit, progress=progress or Silent(), clock=clock or Clock()
    )
    if isinstance(run, str | Path):
        run = load_suite(run) if gate_inputs.names_suite(run) else load_run(run, output=output)
    if isinstance(run, Suite):
        suite = run
        options = dataclasses.replace(options, trust=suite.trust)
        gate_stage.check_before_run(suite, gate_inputs.baseline_file(suite.folder, baseline))
        run = _run_whole(
            suite,
            output=output,
            use_cache=use_cache,
            cost_limit=cost_limit,
            progress=progress,
            clock=clock,
        )
    file = gate_inputs.baseline_file(run.manifest.suite_path, baseline)
    return gate_stage.gate_run(run.folder, file, options)


def update_baseline(
    run: Run, baseline: str | Path | None = None, *, outputs: bool = False, allow_outside: bool = False
) -> Path:
    """Make a finished run the one that later runs are held against.

    Args:
        run: A finished run in which no answer is missing.
        baseline: Where to write it; default: ``baseline.json`` in the suite's folder. Made to be committed.
        outputs: Whether the answers themselves are kept, and not only their scores and digests.
        allow_outside: Whether the cases may lie outside the suite's folder.

    Returns:
        The file.

    Raises:
        IncompleteRunError: Answers are missing; nothing was written.
    """
    file = gate_inputs.baseline_file(run.manifest.suite_path, baseline)
    gate_stage.update_baseline(run.folder, file, outputs=outputs, allow_outside=allow_outside)
    return file


def decide_counts(counts: str | Mapping[str, tuple[int, int]], *, alpha: float = 0.05) -> CountsDecision:
    """What a published table lets one claim, where only counts of right answers are known.

    Args:
        counts: Arm to right answers and cases, or the same as text; all arms answered the same cases.
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
        else {name: CorrectCount(right, n) for name, (right, n) in counts.items()}
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
        return revisit_run.reprice(run.folder, run.suite(), Path(prices), write=False)
    with sole_writer(run.path), resealed(run.folder):
        repriced = revisit_run.reprice(run.folder, run.suite(), Path(prices), write=True)
        report(run)
    return repriced


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
    return Run(import_run.import_table(Path(table), given, folder, clock=Clock()))


def report(run: Run, path: str | Path | None = None, *, allow_outside: bool = False) -> list[Path]:
    """Write report.html, report.md and report.json of a run again.

    Args:
        run: A decided run.
        path: Folder for the files; default: the run's own.
        allow_outside: Whether the cases, of which some are shown, may lie outside the suite's folder.

    Returns:
        The paths of the files written.
    """
    records = run.records(allow_outside=allow_outside)
    return spine.report(run.folder, records, None if path is None else Path(path))
