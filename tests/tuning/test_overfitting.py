"""When a training counts as overfitted."""

import pytest

from evalkit.records.tuning import LossPoint, TuningRun, best_point


def run(*points: tuple[float, float | None]) -> TuningRun:
    """A training of these (training, validation) losses."""
    losses = tuple(
        LossPoint(step=step, train=train, validation=validation)
        for step, (train, validation) in enumerate(points, start=1)
    )
    best = best_point(losses)
    return TuningRun(
        model="m", method="lora", fraction=1.0, seed=1, rows=1, validation_rows=1, steps=len(points), tokens=1,
        seconds=1.0, trainable_parameters=1, total_parameters=1, peak_memory_bytes=1, losses=losses,
        final_train_loss=losses[-1].train, final_validation_loss=losses[-1].validation,
        best_step=None if best is None else best.step,
        best_validation_loss=None if best is None else best.validation,
        kept_step=len(points), adapter="a",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("points", "overfitted"),
    [
        ([(2.0, 2.0), (1.0, 1.5), (0.5, 1.6)], True),  # 6.7% up while training fell
        ([(2.0, 2.0), (1.0, 1.5), (0.5, 1.57)], False),  # 4.7%
        ([(2.0, 2.0), (1.0, 1.5), (1.1, 1.8)], False),  # both rose: the rate is too high, not the epochs
        ([(0.5, 0.5), (0.01, 0.004), (0.001, 0.012)], False),  # three times as much of nothing
        ([(0.5, 0.5), (0.01, 0.004), (0.001, 0.03)], True),
        ([(2.0, None), (1.0, None)], False),
        ([(2.0, 2.0), (1.0, 1.0)], False),
    ],
)
def test_overfitting_is_a_rise_of_validation_loss_while_training_loss_falls(points, overfitted):
    assert run(*points).overfitted is overfitted


def test_the_first_of_equal_losses_is_the_best():
    assert best_point(run((2.0, 1.0), (1.5, 1.0), (1.0, None)).losses).step == 1


def test_the_loss_of_the_kept_weights_is_the_lowest_or_the_last():
    import msgspec

    last = run((2.0, 2.0), (1.0, 1.5), (0.5, 1.6))
    assert last.kept_validation_loss == 1.6
    assert msgspec.structs.replace(last, kept_step=2).kept_validation_loss == 1.5
