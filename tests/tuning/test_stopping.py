"""When training ends, which weights are kept, and what a step is made of."""

import pytest
import torch

from evalkit.errors import SuiteError
from evalkit.models.engine.chat import Chat
from evalkit.models.engine.stop import StopRule
from evalkit.models.engine.weights import load_weights
from evalkit.tuning.rows import make_batch, tokenize
from evalkit.tuning.trained_parameters import all_weights
from evalkit.tuning.training import Training, compute_dtype
from evalkit.tuning.tuners import FullTuner, LoraTuner

# Six rows learned at a rate at which the loss on the two others soon rises.
FAST = {"method": "full", "learning_rate": 0.05, "epochs": 40, "evaluate_every": 2, "dtype": "float32"}


def validation_loss(order):
    """Of the weights that were written, in a fresh model."""
    weights = load_weights(order.base_folder, adapter=order.output)
    tokens = tokenize(
        order.validation, Chat(weights.tokenizer), 64, StopRule(weights.tokenizer, ["\n"], weights.end_ids)
    )
    with torch.no_grad():
        return float(
            Training(order, all_weights(weights.model), tokens, tokens, steps=1).loss(
                make_batch(tokens, "cpu")
            )
        )


def test_patience_ends_training_and_keeps_the_best_weights(spec, rows):
    """Three looks without a lower loss; the weights written have the lowest loss that was seen."""
    order = spec(rows=rows[:6], validation=rows[6:], patience=3, **FAST)
    run = FullTuner().tune(order)
    assert run.stopped_early and run.steps < run.planned_steps == 60
    assert run.steps == run.losses[-1].step == run.best_step + 3 * 2
    assert run.kept_step == run.best_step
    assert run.kept_validation_loss == run.best_validation_loss < run.final_validation_loss
    assert validation_loss(order) == pytest.approx(run.best_validation_loss, rel=1e-4)


def test_without_patience_the_last_weights_are_kept_unless_the_best_are_asked_for(spec, rows):
    last, best = (
        spec(name=keep, rows=rows[:6], validation=rows[6:], keep=keep, **FAST) for keep in ("last", "best")
    )
    runs = [FullTuner().tune(order) for order in (last, best)]
    assert runs[0].losses == runs[1].losses and runs[0].steps == 60
    assert (runs[0].kept_step, runs[1].kept_step) == (60, runs[0].best_step)
    assert runs[0].overfitted
    assert validation_loss(last) == pytest.approx(runs[0].final_validation_loss, rel=1e-4)
    assert validation_loss(best) == pytest.approx(runs[0].best_validation_loss, rel=1e-4)


def test_accumulated_batches_make_the_step_of_one_large_batch(spec):
    """Rows of unequal length in parts of 1, 2 and 8 rows: the same losses up to rounding."""
    runs = [
        LoraTuner().tune(
            spec(
                name=f"{size}",
                batch_size=size,
                gradient_accumulation_steps=8 // size,
                dtype="float32",
                min_steps=12,
            )
        )
        for size in (8, 2, 1)
    ]
    for run in runs:
        assert (run.steps, run.tokens) == (12, runs[0].tokens)
        assert [point.train for point in run.losses] == pytest.approx(
            [point.train for point in runs[0].losses], rel=1e-4
        )


def test_products_are_computed_in_the_type_that_is_asked_for(spec):
    assert compute_dtype("float32", "cuda") == torch.float32
    assert compute_dtype("bfloat16", "cpu") == torch.bfloat16
    assert compute_dtype("auto", "mps") == torch.float32
    run = LoraTuner().tune(spec(dtype="bfloat16", min_steps=1, epochs=0.1))
    assert (run.device, run.dtype) == ("cpu", "bfloat16")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("method: full, rank: 8", "rank belongs to `method: lora`, and this is `full`"),
        ("layers: {last: 2}", "layers belongs to `method: partial`, and this is `lora`"),
        ("method: partial", "partial needs `layers"),
        ("patience: 2, validation_share: 0", "patience and `keep: best` look at the validation loss"),
        ("checkpoint_every: {steps: 5, seconds: 5}", "give steps or seconds, one of them"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(tmp_path, section, message):
    from evalkit.suite.load import load_suite

    (tmp_path / "suite.yaml").write_text(
        "name: s\ncases: c.jsonl\narms: {a: {model: base}}\nmetrics: [exact_match]\nmodels:\n  base: {type: embedded}\n"
        f"  t: {{type: tuned, base: base, train: none.jsonl, {section}}}\n"
    )
    with pytest.raises(SuiteError, match=message):
        load_suite(tmp_path)
