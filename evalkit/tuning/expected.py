"""What the trainings of a suite will take: steps and tokens exactly, seconds and memory from a few measured steps."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from evalkit.models.local_files import weights_of
from evalkit.records.estimate import TuningEstimate
from evalkit.records.tuning import TuningRun
from evalkit.store.cache import cache_folder
from evalkit.tuning.cache import AdapterCache
from evalkit.tuning.jobs import run_jobs, usable_cores
from evalkit.tuning.local_tuner import training_spec
from evalkit.tuning.protocol import TrainingRow, TuningSpec, is_small
from evalkit.tuning.schedule import evaluations_of, steps_of

_PROBE_STEPS = 8
_PROBE_STEPS_OF_LARGE = 3
# A validation token costs the forward pass alone, which is a third to a half of a token trained on.
_VALIDATION = 0.5


@dataclass(frozen=True, slots=True)
class MeasuredTraining:
    """What some steps of a training took.

    Attributes:
        seconds_a_token: For each token of its batches.
        peak_memory_bytes: Of the process.
        threads: Cores that it used.
    """

    seconds_a_token: float
    peak_memory_bytes: int
    threads: int


def expected_trainings(
    specs: Sequence[TuningSpec],
    mean_row_tokens: float,
    *,
    seconds_a_token: float | None,
    cached: bool,
    measured: MeasuredTraining | None = None,
) -> tuple[TuningEstimate, ...]:
    """One estimate for each training, in order, to its last planned step; patience may end it earlier.

    Args:
        specs: Of one tuned model.
        mean_row_tokens: Prompt and answer of a training row.
        seconds_a_token: Of ``measured``; None where it was not measured.
        cached: Whether trainings whose adapter is kept take nothing.
        measured: A few steps of the largest; None where none were made.
    """
    cache = AdapterCache(cache_folder() / "adapters")
    estimates = []
    for spec in specs:
        steps = steps_of(len(spec.rows), spec.config)
        tokens = round(steps * spec.config.rows_a_step * mean_row_tokens)
        validated = evaluations_of(steps, spec.config) * len(spec.validation) * mean_row_tokens
        kept = cached and cache.get(spec.digest) is not None
        seconds = None if seconds_a_token is None else (tokens + _VALIDATION * validated) * seconds_a_token
        estimates.append(
            TuningEstimate(
                model=spec.model,
                fraction=spec.fraction,
                seed=spec.seed,
                rows=len(spec.rows),
                steps=steps,
                tokens=tokens,
                seconds=0.0 if kept else seconds,
                cached=kept,
                threads=1 if measured is None else measured.threads,
                peak_memory_bytes=None if measured is None or kept else measured.peak_memory_bytes,
            )
        )
    return tuple(estimates)


def measure_training(spec: TuningSpec) -> MeasuredTraining:
    """What a training takes, from a few steps that are thrown away.

    A step of its longest rows is among them: they decide its memory.

    Raises:
        TuningError: The steps could not be made.
        InputError: A row is longer than the model takes.
    """
    folder_of_base = weights_of(spec.base, spec.folder)
    small = folder_of_base is None or is_small(folder_of_base)
    steps = _PROBE_STEPS if small else _PROBE_STEPS_OF_LARGE
    short = spec.config.model_copy(
        update={
            "epochs": 1e-6,
            "min_steps": steps,
            "validation_share": 0.0,
            "patience": None,
            "keep": "last",
        }
    )
    rows = spec.rows[: 4 * short.rows_a_step] if small else _with_longest(spec, steps)
    with tempfile.TemporaryDirectory(prefix="evalkit-probe-") as folder:
        probe = training_spec(
            replace(spec, config=short, validation=(), rows=rows), output=Path(folder) / "probe"
        )
        runs: list[TuningRun] = []
        # Two beside each other, as in a run: cores that share memory are slower together. A large base has all cores.
        side = min(2, usable_cores()) if small else 1
        jobs = [replace(probe, output=Path(folder) / f"probe{index}") for index in range(side)]
        run_jobs(jobs, work_of=lambda _: 1.0, on_done=lambda _, run: runs.append(run))
    return MeasuredTraining(
        seconds_a_token=fmean(run.seconds / max(run.tokens, 1) for run in runs),
        peak_memory_bytes=max(run.peak_memory_bytes for run in runs),
        threads=1 if small else usable_cores(),
    )


def _with_longest(spec: TuningSpec, steps: int) -> tuple[TrainingRow, ...]:
    """Rows of a few steps, one of which is of the longest rows that there are: in a run they come together too."""
    size = spec.config.rows_a_step
    by_length = sorted(spec.rows, key=lambda row: sum(len(message.content) for message in row.messages))
    return (*spec.rows[: (steps - 1) * size], *by_length[-size:])


def side_by_side(estimates: Sequence[TuningEstimate]) -> float | None:
    """Wall seconds of these trainings, in as many processes as a run would start; None where one is not known."""
    lanes = [0.0] * _processes(estimates)
    for seconds in sorted((each.seconds for each in estimates if each.seconds is not None), reverse=True):
        lanes[lanes.index(min(lanes))] += seconds
    return None if any(each.seconds is None for each in estimates) else max(lanes)


def memory_side_by_side(estimates: Sequence[TuningEstimate]) -> int | None:
    """Most memory of the training processes together; None where that of one is not known."""
    to_make = [each for each in estimates if not each.cached]
    peaks = [each.peak_memory_bytes for each in to_make if each.peak_memory_bytes is not None]
    if len(peaks) < len(to_make):
        return None
    return sum(sorted(peaks, reverse=True)[: _processes(estimates)])


def _processes(estimates: Sequence[TuningEstimate]) -> int:
    taking_turns = any(each.threads > 1 for each in estimates)
    return 1 if taking_turns else min(usable_cores(), max(1, len(estimates)))
