"""Full and partial tuning: which parameters are trained, and that they alone change."""

import pytest
import torch
from safetensors.torch import load_file

from evalkit.errors import InputError
from evalkit.models.engine.weights import load_weights
from evalkit.models.fingerprint import fingerprint
from evalkit.models.tuned_folder import tuned_files
from evalkit.suite.models import TunedModelConfig
from evalkit.tuning.trained_parameters import all_weights, chosen_weights
from evalkit.tuning.tuners import FullTuner, LoraTuner, PartialTuner

LAYER = 9  # parameters of one layer: four of attention, three of the network, two norms


def partial(**settings):
    return TunedModelConfig(type="tuned", base="b", train="t", method="partial", **settings)


@pytest.mark.parametrize(
    ("settings", "count", "one", "words"),
    [
        ({"layers": {"last": 1}}, LAYER, "model.layers.1.mlp.up_proj.weight", "the last 1 of 2 layers"),
        ({"layers": {"last": 2}}, 2 * LAYER, "model.layers.0.mlp.up_proj.weight", "the last 2 of 2 layers"),
        (
            {"layers": {"last": 1}, "modules": ["norm"]},
            LAYER + 1,
            "model.norm.weight",
            "the last 1 of 2 layers and norm",
        ),
        ({"modules": ["layers.0"]}, LAYER, "model.layers.0.input_layernorm.weight", "layers.0"),
        ({"modules": ["self_attn", "lm_head"]}, 9, "lm_head.weight", "self_attn and lm_head"),
        ({"modules": ["*norm*"]}, 5, "model.norm.weight", "*norm*"),
    ],
)
def test_layers_and_patterns_choose_parameters(tiny_base, settings, count, one, words):
    """Of a model of two layers whose head is its own."""
    model = load_weights(tiny_base).model
    chosen = chosen_weights(model, partial(**settings))
    assert len(chosen.parameters) == count and one in chosen.parameters
    assert chosen.words == words
    assert {name for name, weight in model.named_parameters() if weight.requires_grad} == set(
        chosen.parameters
    )


def test_a_tied_head_is_one_parameter_with_the_embeddings(tied_base):
    """It is trained under the embeddings' name, whichever of the two was named, and counts once."""
    for name in ("lm_head", "embed_tokens"):
        chosen = chosen_weights(load_weights(tied_base).model, partial(modules=[name]))
        assert list(chosen.parameters) == ["model.embed_tokens.weight"]
    everything = all_weights(load_weights(tied_base).model)
    assert len(everything.parameters) == 2 * LAYER + 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": {"last": 3}}, r"last: 3}} of a model that has 2 layers|last: 3"),
        ({"modules": ["self_atn"]}, "matches no parameter.*self_attn"),
    ],
)
def test_a_choice_that_does_not_fit_the_model_is_refused(tiny_base, settings, message):
    with pytest.raises(InputError, match=message):
        chosen_weights(load_weights(tiny_base).model, partial(**settings))


def test_an_adapter_on_a_tied_weight_is_refused(spec, tied_base):
    """Merged, it would change the other use of the weight, which was not trained so."""
    with pytest.raises(InputError, match="weight is tied"):
        LoraTuner().tune(spec(base_folder=tied_base, target_modules=["lm_head", "q_proj"]))


def test_only_what_was_trained_is_written_and_replaced(spec, tiny_base):
    """All else is the base's, bit for bit; the tuned model is another by its fingerprint."""
    order = spec(method="partial", layers={"last": 1})
    run = PartialTuner().tune(order)
    written = load_file(tuned_files(order.output).weights)
    assert len(written) == LAYER and all(name.startswith("model.layers.1.") for name in written)
    assert run.trainable_parameters == sum(weight.numel() for weight in written.values())
    assert (run.method, run.trained) == ("partial", "the last 1 of 2 layers")
    base, tuned = (
        dict(load_weights(tiny_base, adapter=folder).model.named_parameters())
        for folder in (None, order.output)
    )
    for name, weight in tuned.items():
        assert torch.equal(weight, written.get(name, base[name]))
        assert torch.equal(weight, base[name]) == (name not in written)
    assert fingerprint(tiny_base, order.output) != fingerprint(tiny_base)


def test_every_parameter_is_trained_in_full(spec, tied_base):
    """Tied weights once, and both uses change."""
    order = spec(method="full", base_folder=tied_base)
    run = FullTuner().tune(order)
    assert run.trainable_parameters == run.total_parameters
    model = load_weights(tied_base, adapter=order.output).model
    assert model.lm_head.weight is model.model.embed_tokens.weight
    base = load_weights(tied_base).model
    assert not any(torch.equal(a, b) for a, b in zip(base.parameters(), model.parameters(), strict=True))
    assert run.losses[0].train > run.final_train_loss


def test_weights_of_another_model_are_refused(spec, tiny_base, tied_base):
    order = spec(method="partial", modules=["lm_head"])
    PartialTuner().tune(order)
    settings = tuned_files(order.output).weights
    load_weights(tied_base, adapter=order.output)  # the head fits, tied as it is
    settings.write_bytes(b"torn")
    with pytest.raises(InputError, match="cannot be read"):
        load_weights(tiny_base, adapter=order.output)
