"""What all trainings have in common, whatever they train."""

from __future__ import annotations

from evalkit.suite.models import TunedModelConfig

RECIPE = 2
"""Raise when the training changes in a way that makes other weights of the same settings."""

WARM_UP = 20
"""Steps in which the learning rate rises to its highest."""

LAST_RATE = 0.05
"""What is left of the learning rate at the last planned step, to which it falls in a straight line."""

BETAS = (0.9, 0.98)
"""Of AdamW, which decays no weights here."""

GRADIENT_NORM = 1.0
"""Longer gradients are cut to this length."""

BATCHES_BY_LENGTH = 8
"""Batches within which rows are put together by length, so that little is padded and every row still meets many."""

_EVALUATIONS = 10


def steps_of(rows: int, config: TunedModelConfig) -> int:
    """Optimiser steps of a training on ``rows`` rows, unless it stops early."""
    return max(config.min_steps, round(rows * config.epochs / config.rows_a_step))


def batches_by_length(rows: int, size: int) -> int:
    """Batches of ``size`` rows within which rows are sorted by length: never more than one pass over the rows has.

    Sorted over several passes, the copies of a row lie side by side, and a step sees few rows many times.
    """
    return max(1, min(BATCHES_BY_LENGTH, rows // size))


def learning_rate(step: int, steps: int, highest: float) -> float:
    """The learning rate of one step.

    Args:
        step: From 1.
        steps: Planned.
        highest: What the suite asks for.
    """
    return highest * min(1.0, step / WARM_UP) * (1 - (1 - LAST_RATE) * (step - 1) / steps)


def is_eval_step(step: int, steps: int, every: int | None) -> bool:
    """Whether the validation loss is computed after ``step``: every so many steps, else ten times; always at last."""
    if every is None:
        return is_log_step(step, steps, _EVALUATIONS)
    return step % every == 0 or step == steps


def evaluations_of(steps: int, config: TunedModelConfig) -> int:
    """How often the validation loss is computed in a training of ``steps`` steps."""
    every = config.evaluate_every
    return min(_EVALUATIONS, steps) if every is None else -(-steps // every)


def is_log_step(step: int, steps: int, points: int) -> bool:
    """Whether ``step`` is one of about ``points`` evenly spread ones, the last step among them."""
    return step == steps or step * points // steps > (step - 1) * points // steps
