"""Training in parts that fit a given memory: the same steps, whatever the parts."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path

import pytest
import torch

from evalkit.errors import TuningError
from evalkit.models.embedded.model import weights_folder
from evalkit.models.engine.chat import Chat
from evalkit.models.engine.stop import StopRule
from evalkit.models.engine.weights import load_weights
from evalkit.suite.models import TransformersModelConfig, TunedModelConfig
from evalkit.tuning import loaded_base
from evalkit.tuning.fitting import Footprint, Parts
from evalkit.tuning.low_rank import LowRank
from evalkit.tuning.plan import _arithmetic
from evalkit.tuning.protocol import is_small
from evalkit.tuning.rows import TokenRow, make_batch, tokenize
from evalkit.tuning.trained_parameters import all_weights
from evalkit.tuning.training import Training, compute_dtype
from evalkit.tuning.tuners import LoraTuner

PLAIN = Footprint(fixed=1e9, loading=1.2e9, token=1e6, token_squared=0.0, answer_token=0.0)

TUNED = TunedModelConfig(type="tuned", base="b", train="t")


def row(tokens: int) -> TokenRow:
    return TokenRow(prompt=(3,) * (tokens - 2), answer=(4, 2))


@pytest.fixture(scope="module")
def wide_base(tmp_path_factory) -> Path:
    """A random Llama whose weights take more than 64 MB, and whose layers are few."""
    import transformers

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("wide-base")
    tokenizer = transformers.AutoTokenizer.from_pretrained(weights_folder())
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=256, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=11_000, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(weights_folder() / name, folder / name)
    return folder


def test_parts_hold_as_many_rows_as_fit_and_each_row_once():
    rows = [row(length) for length in (100, 40, 100, 40, 100, 40)]
    parts = [[one.tokens for one in part] for part in Parts(32, 1.25e9, PLAIN).of(rows)]
    assert parts == [[40, 40, 40], [100, 100], [100]]  # 1.2 x 3 x 40, 1.2 x 2 x 100 of 250 MB
    assert [len(part) for part in Parts(2, 9e9, PLAIN).of(rows)] == [2, 2, 2]
    assert [len(part) for part in Parts(4, 9e9).of(rows)] == [4, 2]
    many = [row(64)] * 40
    assert [len(part) for part in Parts(64, 99e9, PLAIN).of(many)] == [16, 16, 8]  # 1,024 tokens a part


def test_a_row_that_does_not_fit_alone_is_refused_with_figures():
    Parts(8, 1.3e9, PLAIN).refuse_too_long([row(200)])
    with pytest.raises(
        TuningError, match=r"at least 1\.5 GB: 1\.0 GB before any row.* 400 tokens; `memory_gb` is 1\.3"
    ):
        Parts(8, 1.3e9, PLAIN).refuse_too_long([row(10), row(400)])
    with pytest.raises(TuningError, match=r"`memory_gb` is 1\.1"):  # it cannot even be loaded
        Parts(8, 1.1e9, PLAIN).refuse_too_long([row(10)])


@pytest.mark.parametrize("method", ["full", "lora"])
def test_scores_of_answers_alone_give_the_same_loss_and_gradients(spec, rows, tiny_base, method):
    """Against the whole end of every row, in float32."""
    found = []
    for fitted in (False, True):
        torch.manual_seed(0)
        weights = load_weights(tiny_base)
        rule = StopRule(weights.tokenizer, ["\n"], weights.end_ids)
        tokens = tokenize(rows, Chat(weights.tokenizer), 64, rule)
        config = spec(dtype="float32")
        trained = all_weights(weights.model) if method == "full" else LowRank(weights.model, config.config)
        training = Training(config, trained, tokens, tokens, steps=1, fitted=fitted)
        loss = training.loss(make_batch(tokens, torch.device("cpu")))
        loss.backward()
        found.append((loss.detach(), {name: weight.grad for name, weight in trained.parameters.items()}))
    torch.testing.assert_close(found[0][0], found[1][0])
    for name, gradient in found[0][1].items():
        torch.testing.assert_close(gradient, found[1][1][name], atol=1e-6, rtol=1e-3)


def test_a_frozen_bfloat16_layer_has_the_gradients_of_the_float32_layer(tiny_base):
    """Up to the rounding of bfloat16."""
    found = []
    for dtype in ("float32", "bfloat16"):
        torch.manual_seed(0)
        trained = LowRank(
            load_weights(tiny_base, dtype=dtype).model, TunedModelConfig(type="tuned", base="b", train="t")
        )
        with torch.no_grad():
            for name, weight in trained.parameters.items():
                if "lora_B" in name:
                    weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 0.1)
        logits = trained.model(torch.arange(24).view(2, 12)).logits
        logits.float().square().mean().backward()
        assert {weight.dtype for weight in trained.parameters.values()} == {torch.float32}
        found.append(torch.cat([weight.grad.flatten() for weight in trained.parameters.values()]))
    cosine = torch.nn.functional.cosine_similarity(*found, dim=0)
    assert float(cosine) > 0.999
    assert float(found[1].norm() / found[0].norm()) == pytest.approx(1, abs=0.02)


def test_a_base_stays_loaded_and_the_next_training_is_as_in_a_new_process(spec, wide_base):
    """Equal commands give equal bytes; the number type is recorded; the base is read once and nothing else is kept."""
    assert not is_small(wide_base)
    assert is_small(weights_folder())
    settings = {"base_folder": wide_base, "epochs": 1.0, "min_steps": 2}
    runs, embeddings, held = {}, set(), []
    for name, seed in (("first", 1), ("other", 2), ("again", 1)):
        runs[name] = LoraTuner().tune(spec(name=name, seed=seed, **settings))
        (base,) = loaded_base._kept.values()
        embeddings.add(id(base.weights.model.get_input_embeddings()))
        gc.collect()
        held.append(sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects()))
    assert len(embeddings) == 1
    assert held[0] >= held[1] == held[2]  # nothing of a training is held after it
    assert runs["first"].dtype == str(compute_dtype("auto", "cpu")).removeprefix("torch.")
    folders = [spec(name=name).output for name in runs]
    first, other, again = (folder.joinpath("adapter_model.safetensors").read_bytes() for folder in folders)
    assert first == again != other
    assert runs["first"].losses == runs["again"].losses


def test_less_memory_gives_smaller_parts_and_the_same_losses(spec, rows, wide_base):
    settings = {"base_folder": wide_base, "epochs": 1.0, "min_steps": 2, "batch_size": 8, "dtype": "float32"}
    weights = load_weights(wide_base)
    tokens = tokenize(rows, Chat(weights.tokenizer), 64, StopRule(weights.tokenizer, ["\n"], weights.end_ids))
    training = Training(spec(**settings), LowRank(weights.model, TUNED), tokens, (), steps=2, fitted=True)
    assert [len(part) for part in training._parts.of(tokens)] == [8]
    of_two = max(training._parts.footprint.peak(tokens[start : start + 2]) for start in range(0, 8, 2)) / 1e9
    tight_parts = Parts(8, of_two * 1e9, training._parts.footprint)
    assert len(list(tight_parts.of(tokens))) > 1
    whole = LoraTuner().tune(spec(name="whole", **settings))
    tight = LoraTuner().tune(spec(name="tight", memory_gb=of_two, **settings))
    expected = [point.train for point in whole.losses]
    assert [point.train for point in tight.losses] == pytest.approx(expected, rel=1e-4)
    with pytest.raises(TuningError, match=r"`memory_gb` is 0\.5"):
        LoraTuner().tune(spec(name="none", memory_gb=0.5, **settings))


def test_a_training_in_parts_goes_on_from_its_checkpoint_to_the_same_bytes(tmp_path, spec, wide_base):
    settings = {"base_folder": wide_base, "epochs": 1.0, "min_steps": 3, "checkpoint_every": {"steps": 2}}
    whole, first, second = (
        spec(name=name, checkpoints=folder, **settings)
        for name, folder in (("whole", None), ("first", tmp_path / "kept"), ("second", tmp_path / "kept"))
    )
    LoraTuner().tune(whole)
    LoraTuner().tune(first)  # leaves what stood after step 2, as a kill in step 3 would
    assert LoraTuner().tune(second).attempts == 2
    weights = [
        each.output.joinpath("adapter_model.safetensors").read_bytes() for each in (whole, first, second)
    ]
    assert weights[0] == weights[1] == weights[2]


def test_number_type_and_memory_are_part_of_the_key():
    base = TransformersModelConfig(type="transformers", model="m", device="cpu")
    assert _arithmetic(base, TUNED) == [str(compute_dtype("auto", "cpu")), 3.0]
    other = TUNED.model_copy(update={"dtype": "float32", "memory_gb": 2.0})
    assert _arithmetic(base, other) == ["torch.float32", 2.0]
