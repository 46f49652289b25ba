"""An adapter that would apply in part or not at all is refused by name; one made for other weights is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from evalkit.errors import InputError
from evalkit.models.adapter_check import check_adapters
from evalkit.models.embedded.model import weights_folder
from evalkit.models.engine.quiet import quiet_transformers
from evalkit.models.engine.weights import load_weights
from evalkit.pipeline.prepare import prepare
from evalkit.suite.load import load_suite
from tests.builders.recorded_runs import FIXTURES


def write_adapters(folder: Path) -> None:
    """A random adapter for the shipped weights, faulty copies of it, and other weights of the same shape."""
    import peft
    import torch
    import transformers

    torch.manual_seed(1)
    base = transformers.AutoModelForCausalLM.from_pretrained(weights_folder(), dtype=torch.float32)
    with quiet_transformers():
        settings = peft.LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
        tuned = peft.get_peft_model(base, settings)
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            weight.data.normal_(0, 2.0)
    with quiet_transformers():
        tuned.save_pretrained(folder / "good")
    whole = load_file(folder / "good" / "adapter_model.safetensors")
    lower = tuple(f"layers.{index}." for index in (0, 1, 2))
    faulty = {
        "renamed": {
            name.replace("model.model.layers", "model.model.language_model.layers"): weight
            for name, weight in whole.items()
        },
        "only_a": {name: weight for name, weight in whole.items() if "lora_B" not in name},
        "half": {name: weight for name, weight in whole.items() if not any(low in name for low in lower)},
        "untrained": {
            name: torch.zeros_like(weight) if "lora_B" in name else weight for name, weight in whole.items()
        },
        "narrow": {
            name: weight[:, :-1].contiguous() if "lora_A" in name else weight
            for name, weight in whole.items()
        },
    }
    for name, weights in faulty.items():
        shutil.copytree(folder / "good", folder / name)
        save_file(weights, folder / name / "adapter_model.safetensors")
    shutil.copytree(weights_folder(), folder / "other")
    stored = load_file(folder / "other" / "model.safetensors")
    noisy = {name: weight * 1.25 if weight.dim() > 1 else weight for name, weight in stored.items()}
    save_file(noisy, folder / "other" / "model.safetensors", metadata={"format": "pt"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("adapters") / "suite"
    shutil.copytree(FIXTURES / "failing" / "public-adapter-not-applied", folder)
    suite = (folder / "suite.yaml").read_text().replace("WEIGHTS", str(weights_folder()))
    (folder / "suite.yaml").write_text(suite)
    write_adapters(folder)
    return folder


def test_adapters_that_fit_in_part_or_not_at_all_are_refused_with_the_names(folder):
    """All of the suite at once, each with its line, the names that are missing and those that belong nowhere."""
    with pytest.raises(InputError) as refused:
        list(check_adapters(load_suite(folder)))
    renamed, only_a, half = map(str, refused.value.problems)
    assert "models.renamed.adapter" in renamed and "70 weights fit no layer of the model" in renamed
    assert "language_model.layers.0" in renamed
    assert "models.only_a.adapter" in only_a and "q_proj.lora_B.weight" in only_a
    assert "models.half.adapter" in half and "42 weights that the model takes are missing" in half


def test_an_adapter_made_for_other_weights_of_the_same_shape_is_named(folder):
    suite = load_suite(folder)
    fitting = suite.model_copy(
        update={"arms": {name: suite.arms[name] for name in ("base", "good", "other")}}
    )
    (warning,) = check_adapters(fitting)
    assert "models.other" in warning and str(weights_folder()) in warning
    assert prepare(fitting).experiment.adapter_doubts == (warning,)


@pytest.mark.parametrize(
    ("adapter", "words"),
    [("untrained", "all its matrices lora_B are zero"), ("narrow", "weights have another shape")],
)
def test_an_adapter_without_effect_or_of_another_shape_is_refused(folder, adapter, words):
    suite = load_suite(folder)
    model = suite.models["good"].model_copy(update={"adapter": adapter})
    changed = suite.model_copy(
        update={"models": {**suite.models, "good": model}, "arms": {"good": suite.arms["good"]}}
    )
    with pytest.raises(InputError, match=words):
        list(check_adapters(changed))


@pytest.mark.parametrize("adapter", ["renamed", "only_a", "half"])
def test_loading_refuses_them_too(folder, adapter):
    """Whoever builds a model without a suite is told as well."""
    with pytest.raises(InputError, match="would apply in part or not at all"):
        load_weights(weights_folder(), adapter=folder / adapter)
