"""What trainings will take, worked out before they run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.records.case import Message
from evalkit.records.estimate import TuningEstimate
from evalkit.suite.models import EmbeddedModelConfig, TunedModelConfig
from evalkit.tuning.expected import _with_longest, expected_trainings, side_by_side
from evalkit.tuning.protocol import TrainingRow, TuningSpec

ROW = TrainingRow((Message(role="user", content="question"), Message(role="assistant", content="answer")))


def plan(rows: int, **config) -> TuningSpec:
    settings = TunedModelConfig(type="tuned", base="base", train="train.jsonl", **config)
    return TuningSpec(
        model="tuned",
        base=EmbeddedModelConfig(type="embedded"),
        folder=Path(),
        config=settings,
        fraction=1.0,
        seed=1,
        rows=[ROW] * rows,
        validation=(),
        digest="no such adapter",
    )


def estimate(seconds: float | None) -> TuningEstimate:
    return TuningEstimate(model="m", fraction=1, seed=1, rows=1, steps=1, tokens=1, seconds=seconds)


def test_a_large_base_is_probed_with_a_step_of_its_longest_rows():
    """They decide its memory; in a run, rows of one length come together too."""
    lengths = [5, 40, 7, 9, 30, 8, 6, 35, 10, 20]
    rows = tuple(TrainingRow((Message(role="user", content="x" * length),)) for length in lengths)
    config = TunedModelConfig(type="tuned", base="b", train="t", batch_size=3)
    spec = TuningSpec(
        model="m", base=EmbeddedModelConfig(type="embedded"), folder=Path(), config=config, fraction=1.0, seed=1,
        rows=rows, validation=(), digest="",
    )  # fmt: skip
    probed = [len(row.messages[0].content) for row in _with_longest(spec, 2)]
    assert probed == [5, 40, 7, 30, 35, 40]


def test_steps_and_tokens_follow_from_rows_epochs_and_batches():
    """640 rows, 10 epochs, 32 a batch: 200 steps of 32 rows of 50 tokens."""
    (one,) = expected_trainings(
        [plan(640, epochs=10, batch_size=32)], 50.0, seconds_a_token=0.001, cached=True
    )
    assert (one.steps, one.tokens) == (200, 200 * 32 * 50)
    assert one.seconds == pytest.approx(320)
    assert not one.cached


def test_accumulated_rows_and_looks_at_the_validation_loss_count():
    """640 rows in steps of 4 x 8: 20 a pass. A look costs half of what training on its tokens would."""
    short = plan(640, epochs=1, batch_size=8, gradient_accumulation_steps=4, evaluate_every=6)
    looked = replace(short, validation=[ROW] * 32)
    (one,) = expected_trainings([looked], 50.0, seconds_a_token=0.001, cached=False)
    assert (one.steps, one.tokens) == (20, 640 * 50)
    looks = 4  # after 6, 12, 18 and 20 steps
    assert one.seconds == pytest.approx(0.001 * (640 * 50 + looks * 32 * 50 / 2))


def test_few_rows_take_the_fewest_steps_and_unmeasured_time_is_open():
    (one,) = expected_trainings([plan(8, epochs=1, min_steps=30)], 10.0, seconds_a_token=None, cached=False)
    assert one.steps == 30
    assert one.seconds is None


def test_trainings_share_the_cores(monkeypatch):
    monkeypatch.setattr("evalkit.tuning.expected.usable_cores", lambda: 2)
    assert side_by_side([estimate(30.0), estimate(20.0), estimate(10.0)]) == 30.0
    assert side_by_side([estimate(30.0), estimate(None)]) is None
    assert side_by_side([estimate(0.0)]) == 0.0
