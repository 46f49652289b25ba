"""What each training took, and how it went."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.records.run import RunRecords
from evalkit.records.tuning import OVERFIT_NATS, OVERFIT_RISE, TuningRun
from evalkit.reporting.table import Row, Table, left, right
from evalkit.text.number_format import UNKNOWN, count, data_size, money, percent, seconds, significant

_CACHED = "“Cached” runs were trained earlier on the same data and settings; their time and cost are of that training."


def tuning_table(records: RunRecords) -> Table:
    """What it took: one row a fraction and seed of a tuned model."""
    return _took(records.tuning.runs if records.tuning else ())


def short_tuning_table(runs: Sequence[TuningRun]) -> Table:
    """The same for a terminal."""
    shown = ("Model", "Method", "Rows", "Seed", "Steps", "Time", "Cost", "Parameters trained", "Peak memory")
    return _took(runs).only(*shown)


def losses_table(records: RunRecords) -> Table:
    """How it went: losses, whether it stopped early, whether it overfitted."""
    runs = records.tuning.runs if records.tuning else ()
    return Table(
        name="course",
        caption="Losses",
        columns=(
            left("Model"),
            right("Share of rows"),
            right("Seed"),
            left("Ended", wraps=True),
            left("Weights kept", wraps=True),
            right("training", "Loss at the end"),
            right("validation", "Loss at the end"),
            right("Lowest validation loss"),
            left("Overfitting", wraps=True),
        ),
        rows=tuple(Row(_losses(run)) for run in runs),
        note="Loss is the mean per answer token, in nats. Overfitting: the validation loss ends more than "
        f"{percent(OVERFIT_RISE, 0)} and {OVERFIT_NATS:g} nats above its lowest while the training loss fell further.",
    )


def _took(runs: Sequence[TuningRun]) -> Table:
    return Table(
        name="tuning",
        caption="Training runs",
        columns=(
            left("Model"),
            left("Method", wraps=True),
            right("Share of rows"),
            right("Rows"),
            right("Seed"),
            right("Steps"),
            right("Tokens"),
            right("Time"),
            right("Cost"),
            right("Parameters trained"),
            right("of all"),
            right("Peak memory"),
        ),
        rows=tuple(Row(_cells(run)) for run in runs),
        note="Cost is the time at the price of an hour of the machine. "
        + (_CACHED if any(run.cached for run in runs) else ""),
    )


def _cells(run: TuningRun) -> tuple[str, ...]:
    memory = data_size(run.peak_memory_bytes)
    if run.device_memory_bytes is not None:
        memory += f", {run.device} {data_size(run.device_memory_bytes)}"
    return (
        run.model,
        run.method + (f": {run.trained}" if run.trained else "") + (", cached" if run.cached else ""),
        percent(run.fraction),
        count(run.rows),
        str(run.seed),
        count(run.steps),
        count(run.tokens),
        seconds(run.seconds) + (f" in {run.attempts} attempts" if run.attempts > 1 else ""),
        UNKNOWN if run.device_cost is None else money(run.device_cost, run.currency or ""),
        f"{count(run.trainable_parameters)} ({_share(run)})",
        count(run.total_parameters),
        memory,
    )


def _share(run: TuningRun) -> str:
    return percent(run.trainable_parameters / run.total_parameters if run.total_parameters else None)


def _losses(run: TuningRun) -> tuple[str, ...]:
    planned = run.planned_steps or run.steps
    ended = (
        f"early, after {count(run.steps)} of {count(planned)} steps"
        if run.stopped_early
        else f"after {count(run.steps)} steps"
    )
    lowest = (
        "none"
        if run.best_validation_loss is None or run.best_step is None
        else f"{significant(run.best_validation_loss)} at step {count(run.best_step)}"
    )
    return (
        run.model,
        percent(run.fraction),
        str(run.seed),
        ended,
        _kept(run),
        significant(run.final_train_loss),
        "none" if run.final_validation_loss is None else significant(run.final_validation_loss),
        lowest,
        _overfitting(run),
    )


def _kept(run: TuningRun) -> str:
    if run.kept_step is None:
        return UNKNOWN
    if run.kept_step == run.steps:
        return "of the last step"
    return f"of step {count(run.kept_step)}, the lowest validation loss"


def _overfitting(run: TuningRun) -> str:
    if run.final_validation_loss is None or not run.best_validation_loss:
        return "not looked at"
    if not run.overfitted:
        return "no"
    above = percent(run.final_validation_loss / run.best_validation_loss - 1, 0)
    kept = "; the weights from before are kept" if run.kept_step == run.best_step else ""
    return f"yes, {above} above its lowest{kept}"
