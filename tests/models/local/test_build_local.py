"""Building local models: names, folders, adapters, fingerprints."""

import json
import shutil

import pytest

from evalkit.errors import InputError
from evalkit.models.build import adapter_model, build_model
from evalkit.models.embedded.model import weights_folder
from evalkit.models.fingerprint import fingerprint
from evalkit.records.case import Message
from evalkit.records.sample import Request
from evalkit.suite.models import (
    EmbeddedModelConfig,
    RecordedModelConfig,
    TransformersModelConfig,
    TunedModelConfig,
)

EMBEDDED = EmbeddedModelConfig(type="embedded", max_tokens=16)
QUESTION = Request(messages=(Message(role="user", content="Question: What does E14 mean?"),), seed=0)


def transformers_config(**settings):
    return TransformersModelConfig(type="transformers", **{"model": "model", "device": "cpu", **settings})


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    """A LoRA folder for the packaged weights whose second factor is not zero, so that it changes answers."""
    import peft
    import torch
    import transformers

    from evalkit.models.engine.quiet import quiet_transformers

    torch.manual_seed(0)
    config = peft.LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
    folder = tmp_path_factory.mktemp("adapter")
    with quiet_transformers():
        base = transformers.AutoModelForCausalLM.from_pretrained(weights_folder(), dtype=torch.float32)
        peft.get_peft_model(base, config).save_pretrained(folder)
    return folder


def test_a_folder_beside_the_suite_is_the_same_model_as_the_packaged_one(tmp_path):
    """TransformersModel on a copy of the weights answers and identifies itself as EmbeddedModel does."""
    shutil.copytree(weights_folder(), tmp_path / "model")
    theirs = build_model(transformers_config(max_tokens=16), folder=tmp_path)
    ours = build_model(EMBEDDED, folder=tmp_path)
    assert theirs.complete_batch([QUESTION])[0].output == ours.complete_batch([QUESTION])[0].output
    assert theirs.identity["weights"] == ours.identity["weights"]
    assert theirs.identity["dtype"] == "auto"


def test_an_adapter_changes_answers_and_is_part_of_the_identity(tmp_path, adapter):
    base = build_model(EMBEDDED, folder=tmp_path)
    tuned = build_model(adapter_model(EMBEDDED, adapter), folder=tmp_path)
    assert base.complete_batch([QUESTION])[0].output != tuned.complete_batch([QUESTION])[0].output
    assert {**base.identity, "weights": 0} == {**tuned.identity, "weights": 0}
    assert base.identity["weights"] != tuned.identity["weights"]


def test_an_adapter_path_of_a_suite_is_relative_to_it(tmp_path, adapter):
    shutil.copytree(adapter, tmp_path / "adapters" / "one")
    config = EmbeddedModelConfig(type="embedded", max_tokens=16, adapter="adapters/one")
    model = build_model(config, folder=tmp_path)
    assert model.identity == build_model(adapter_model(EMBEDDED, adapter), folder=tmp_path).identity


@pytest.mark.parametrize(
    "change",
    [{"max_tokens": 17}, {"stop": ["."]}, {"temperature": 0.5}],
    ids=["max_tokens", "stop", "temperature"],
)
def test_every_parameter_is_part_of_the_identity(tmp_path, change):
    changed = EMBEDDED.model_copy(update=change)
    assert build_model(EMBEDDED, folder=tmp_path).identity != build_model(changed, folder=tmp_path).identity


def test_the_batch_size_is_not_part_of_the_identity(tmp_path):
    changed = EMBEDDED.model_copy(update={"max_batch": 1})
    assert build_model(EMBEDDED, folder=tmp_path).identity == build_model(changed, folder=tmp_path).identity


def test_only_files_that_decide_answers_are_in_the_fingerprint(tmp_path, adapter):
    base, tuned = tmp_path / "base", tmp_path / "tuned"
    shutil.copytree(weights_folder(), base)
    shutil.copytree(adapter, tuned)
    before = fingerprint(base, tuned)
    (base / "README.md").write_text("a card")
    (tuned / "tuning.json").write_text("{}")
    assert fingerprint(base, tuned) == before
    (base / "chat_template.jinja").write_text("{{ messages }}")
    assert fingerprint(base, tuned) != before


def test_where_an_adapters_base_lay_is_not_in_the_fingerprint(tmp_path, adapter):
    """Nor is the order of its modules, which peft keeps as a set: another machine trains the same adapter."""
    moved = tmp_path / "moved"
    shutil.copytree(adapter, moved)
    config = json.loads((moved / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"]
    config["base_model_name_or_path"] = "/elsewhere"
    config["target_modules"].reverse()
    (moved / "adapter_config.json").write_text(json.dumps(config))
    assert fingerprint(weights_folder(), moved) == fingerprint(weights_folder(), adapter)
    config["lora_alpha"] += 1
    (moved / "adapter_config.json").write_text(json.dumps(config))
    assert fingerprint(weights_folder(), moved) != fingerprint(weights_folder(), adapter)


def test_a_folder_that_is_not_there_says_what_can_be_given(tmp_path):
    with pytest.raises(InputError, match=r"no such model folder.*hub id \(owner/name\)"):
        build_model(transformers_config(model="./nowhere"), folder=tmp_path)


def test_a_hub_id_that_cannot_be_had_says_what_to_check(tmp_path):
    """Offline, as in this test, nothing is asked of the network."""
    with pytest.raises(InputError, match=r"evalkit-tests/none.*there is no folder.*HF_HUB_OFFLINE"):
        build_model(transformers_config(model="evalkit-tests/none"), folder=tmp_path)


def test_a_folder_without_a_model_is_named(tmp_path):
    (tmp_path / "model").mkdir()
    with pytest.raises(InputError, match=r"no config\.json"):
        build_model(transformers_config(), folder=tmp_path)


def test_pickled_weights_are_not_read(tmp_path):
    shutil.copytree(weights_folder(), tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").rename(tmp_path / "model" / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"pickled weights are not read"):
        build_model(transformers_config(), folder=tmp_path)


def test_a_folder_without_tokenizer_is_not_blamed_on_sentencepiece(tmp_path):
    shutil.copytree(weights_folder(), tmp_path / "model", ignore=shutil.ignore_patterns("tokenizer*"))
    model = build_model(transformers_config(), folder=tmp_path)
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        model.complete_batch([QUESTION])


def test_an_adapter_for_another_model_is_named(tmp_path, adapter, tiny_llama):
    config = transformers_config(model=str(tiny_llama), adapter=str(adapter))
    with pytest.raises(InputError, match="made for another one"):
        build_model(config, folder=tmp_path).complete_batch([QUESTION])


def test_an_adapter_folder_without_weights_is_named(tmp_path):
    with pytest.raises(InputError, match="no such adapter folder"):
        build_model(EMBEDDED.model_copy(update={"adapter": "missing"}), folder=tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no adapter_config\.json"):
        build_model(EMBEDDED.model_copy(update={"adapter": "empty"}), folder=tmp_path)
    (tmp_path / "empty" / "adapter_config.json").write_text("{")
    (tmp_path / "empty" / "adapter_model.safetensors").touch()
    with pytest.raises(InputError, match=r"adapter_config\.json: is not the settings of an adapter"):
        build_model(EMBEDDED.model_copy(update={"adapter": "empty"}), folder=tmp_path)


def test_only_local_models_take_an_adapter_and_only_one(tmp_path, adapter):
    with pytest.raises(InputError, match="cannot take an adapter"):
        adapter_model(RecordedModelConfig(type="recorded", path="x"), adapter)
    with pytest.raises(InputError, match="already has the adapter"):
        adapter_model(adapter_model(EMBEDDED, adapter), adapter)


def test_a_tuned_model_is_not_built_before_its_adapter_is(tmp_path):
    with pytest.raises(InputError, match="adapter is made"):
        build_model(TunedModelConfig(type="tuned", base="base", train="train.jsonl"), folder=tmp_path)


def test_float16_weights_are_run_in_float32_on_the_cpu(tmp_path):
    """transformers would take the stored type, which is slow and unsafe on a CPU."""
    import torch

    from evalkit.models.engine.weights import load_weights

    stored = json.loads((weights_folder() / "config.json").read_text())["dtype"]
    assert stored == "float16"
    assert load_weights(weights_folder()).model.dtype == torch.float32
