"""What the trainings of a suite will take: steps and tokens exactly, seconds from a few measured steps."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evalkit.records.estimate import TuningEstimate
from evalkit.store.cache import cache_folder
from evalkit.tuning.cache import AdapterCache
from evalkit.tuning.jobs import run_jobs, usable_cores
from evalkit.tuning.local_tuner import training_spec
from evalkit.tuning.protocol import TuningSpec
from evalkit.tuning.schedule import evaluations_of, steps_of

_PROBE_STEPS = 8
# A validation token costs the forward pass alone, which is a third to a half of a token trained on.
_VALIDATION = 0.5


def expected_trainings(
    specs: Sequence[TuningSpec], mean_row_tokens: float, *, seconds_a_token: float | None, cached: bool
) -> tuple[TuningEstimate, ...]:
    """One estimate for each training, in order, to its last planned step; patience may end it earlier.

    Args:
        specs: Of one tuned model.
        mean_row_tokens: Prompt and answer of a training row.
        seconds_a_token: From ``seconds_a_token``; None where it was not measured.
        cached: Whether trainings whose adapter is kept take nothing.
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
            )
        )
    return tuple(estimates)


def seconds_a_token(spec: TuningSpec) -> float:
    """Seconds that a training takes for each token of its batches, on one core: a few steps, thrown away.

    Raises:
        TuningError: The steps could not be made.
        InputError: A row is longer than the model takes.
    """
    short = spec.config.model_copy(
        update={
            "epochs": 1e-6,
            "min_steps": _PROBE_STEPS,
            "validation_share": 0.0,
            "patience": None,
            "keep": "last",
        }
    )
    with tempfile.TemporaryDirectory(prefix="evalkit-probe-") as folder:
        probe = training_spec(
            replace(spec, config=short, validation=(), rows=spec.rows[: 4 * short.rows_a_step]),
            output=Path(folder) / "probe",
        )
        figures: list[float] = []
        # Two beside each other, as in a run: cores that share memory are slower together.
        jobs = [
            replace(probe, output=Path(folder) / f"probe{index}") for index in range(min(2, usable_cores()))
        ]
        run_jobs(
            jobs,
            work_of=lambda _: 1.0,
            on_done=lambda _, run: figures.append(run.seconds / max(run.tokens, 1)),
        )
    return sum(figures) / len(figures)


def side_by_side(estimates: Sequence[TuningEstimate]) -> float | None:
    """Wall seconds of these trainings, one process for each core; None where one is not known."""
    lanes = [0.0] * min(usable_cores(), max(1, len(estimates)))
    for seconds in sorted((each.seconds for each in estimates if each.seconds is not None), reverse=True):
        lanes[lanes.index(min(lanes))] += seconds
    return None if any(each.seconds is None for each in estimates) else max(lanes)
