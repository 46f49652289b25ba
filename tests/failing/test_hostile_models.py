"""A model folder, a zip, a GGUF file or an adapter of a stranger runs nothing, and what is wrong with it is said."""

from __future__ import annotations

import json
import shutil
import struct
import sys
import zipfile
from pathlib import Path

import pytest

import evalkit
from evalkit.errors import InputError
from evalkit.models.gguf_header import check_gguf, read_header
from evalkit.models.local import check_model_folder
from evalkit.models.tuned_folder import tuned_files
from evalkit.models.zipped_folder import unzip
from evalkit.tuning.jobs import _Worker

WEIGHTS = Path(evalkit.__file__).parent / "models" / "embedded" / "weights"


@pytest.fixture
def folder(tmp_path):
    """A sound model folder."""
    place = tmp_path / "model"
    shutil.copytree(WEIGHTS, place)
    return place


def _settings(file, **keys):
    file.write_text(json.dumps({**json.loads(file.read_text()), **keys}))


@pytest.mark.parametrize("content", ["[]", "null", "[" * 100_000, '"text"'])
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "tokenizer.json"])
def test_settings_of_another_shape_are_an_error_of_the_folder(folder, name, content):
    pytest.importorskip("transformers")
    from evalkit.models.engine.weights import read_settings

    (folder / name).write_text(content)
    with pytest.raises(
        InputError, match=r"model: its (tokenizer|config\.json) cannot be .* transformers says: "
    ):
        read_settings(folder)


@pytest.mark.parametrize(
    "keys",
    [
        {"dtype": "nosuch"},
        {"quantization_config": [1]},
        {"hidden_size": "wide"},
        {"num_attention_heads": 0},
        {"model_type": ["llama"]},
        {"vocab_size": 3},
    ],
    ids=lambda keys: next(iter(keys)),
)
def test_a_key_of_another_type_is_an_error_of_the_folder(folder, keys):
    pytest.importorskip("transformers")
    from evalkit.models.engine.weights import load_weights

    _settings(folder / "config.json", **keys)
    with pytest.raises(InputError, match=r"model: .* transformers says: "):
        load_weights(folder)


def test_ends_and_limits_of_another_type_count_as_not_stated(folder):
    pytest.importorskip("transformers")
    from evalkit.models.engine.weights import read_settings

    sound = read_settings(folder)
    _settings(folder / "generation_config.json", eos_token_id=[201, {"a": 1}])
    _settings(folder / "tokenizer_config.json", model_max_length="many")
    assert read_settings(folder).context_limit == sound.context_limit
    assert read_settings(folder).end_ids == sound.end_ids


@pytest.mark.parametrize("size", [0, 1000])
def test_weights_that_are_cut_are_an_error_of_the_folder(folder, size):
    pytest.importorskip("transformers")
    from evalkit.models.engine.weights import load_weights

    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:size])
    with pytest.raises(InputError, match="the model cannot be loaded"):
        load_weights(folder)


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ messages.__class__.__mro__ }}", "is unsafe"),
        ("{{ lipsum.__globals__['os'].system('true') }}", "is unsafe"),
        ("{% include '/etc/passwd' %}", "TypeError: no loader"),
        ("{{ 1 / 0 }}", "ZeroDivisionError: division by zero"),
        ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "maximum recursion depth"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "maximum recursion depth"),
        ("{% if %}", "Expected an expression"),
        ("{{ '\\ud800' }}", "surrogates not allowed"),
    ],
)
def test_a_template_that_fails_is_named_as_what_fails(folder, template, why):
    pytest.importorskip("transformers")
    from evalkit.models.engine.chat import Chat
    from evalkit.models.engine.weights import load_tokenizer
    from evalkit.records.case import Message

    (folder / "chat_template.jinja").write_text(template)
    with pytest.raises(
        InputError, match=f"chat template cannot be used for .* Mend the template .* Jinja says: .*{why}"
    ):
        Chat(load_tokenizer(folder)).prompts([[Message(role="user", content="hello")]])


@pytest.mark.parametrize(
    ("template", "why"),
    [
        (
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
            "takes more than 0.2 seconds",
        ),
        (
            "{% for a in messages[0].content * 9 %}{{ 10 ** (10 ** 8) }}{% endfor %}",
            "raises numbers to powers",
        ),
    ],
    ids=["loop", "power"],
)
def test_a_template_that_would_never_end_is_broken_off_or_refused(folder, template, why):
    pytest.importorskip("transformers")
    from evalkit.models.engine.chat import Chat
    from evalkit.models.engine.weights import load_tokenizer
    from evalkit.records.case import Message

    (folder / "chat_template.jinja").write_text(template)
    with pytest.raises(InputError, match=f"the model's chat template {why}.* Mend the template"):
        Chat(load_tokenizer(folder), limit_s=0.2).prompts([[Message(role="user", content="hello")]])


def test_a_template_may_hand_on_the_arguments_of_a_call(folder):
    """``**`` before them, and in a text, is no power."""
    pytest.importorskip("transformers")
    from evalkit.models.engine.chat import Chat
    from evalkit.models.engine.weights import load_tokenizer
    from evalkit.records.case import Message

    (folder / "chat_template.jinja").write_text(
        "{{ dict(a=1, **{'b': 2}) }} **{{ '**' }}** {{ messages[0].content }}"
    )
    assert Chat(load_tokenizer(folder)).prompts([[Message(role="user", content="hello")]])


@pytest.mark.parametrize("key", ["num_hidden_layers", "n_head", "num_local_experts", "num_layers"])
def test_more_layers_than_any_model_has_are_refused_before_one_is_made(folder, key):
    _settings(folder / "config.json", text_config={key: 10**7})
    with pytest.raises(
        InputError, match=rf"config\.json: says {key}: 10,000,000, and no model has more than 10,000"
    ):
        check_model_folder(folder)


def test_a_gguf_file_may_not_tell_of_more_layers_than_any_model_has_either(tmp_path):
    pytest.importorskip("gguf")
    key = b"llama.block_count"
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", len(key)) + key
    (tmp_path / "m.gguf").write_bytes(head + struct.pack("<IQ", 10, 10**7) + bytes(64))
    with pytest.raises(InputError, match=r"m\.gguf: says llama\.block_count: 10,000,000"):
        check_gguf(tmp_path / "m.gguf")


MEGATRON = (
    '{"peft_type": "LORA", "megatron_config": {"a": 1}, "megatron_core": "antigravity", "lora_alpha": NaN}'
)


def test_an_adapter_that_names_a_module_is_refused_however_its_settings_are_written(tmp_path):
    """peft reads them with Python's parser, which takes NaN."""
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    (tmp_path / "adapter_config.json").write_text(MEGATRON)
    with pytest.raises(InputError, match="runs no code that an adapter names"):
        tuned_files(tmp_path)


def test_an_adapter_inside_a_model_folder_names_no_module_either(folder):
    """transformers adds an adapter that it finds in a model's folder to the model."""
    pytest.importorskip("transformers")
    from evalkit.models.engine.weights import load_weights

    (folder / "adapter_config.json").write_text(MEGATRON)
    with pytest.raises(InputError, match="runs no code that an adapter names"):
        load_weights(folder)


def test_a_training_process_imports_nothing_of_the_current_folder(tmp_path, monkeypatch):
    """`cd suite && evalkit run .` must not take a file of a suite for a module: this process does not either."""
    (tmp_path / "evalkit").mkdir()
    (tmp_path / "evalkit" / "__init__.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    monkeypatch.chdir(tmp_path)
    with _Worker() as worker:
        worker._requests.close()
        assert worker._process.wait(60) == 0
    assert not (tmp_path / "ran").exists()


def _zip(file, *entries, kind=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, content in entries:
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ([".", "m/a"], "which no file can have"),
        (["m/" + "a" * 300], "which no file can have"),
        (["d/a", "d/a/b", "d/c"], "as a file and as a folder"),
        (["../x"], "leads out of"),
    ],
)
def test_names_in_a_zip_that_no_folder_can_have_are_the_zips_fault(tmp_path, names, why):
    _zip(tmp_path / "m.zip", *((name, "{}") for name in names))
    with pytest.raises(InputError, match=f"m.zip: .*{why}"):
        unzip(tmp_path / "m.zip", tmp_path / "to")


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_stream_in_a_zip_is_the_zips_fault(tmp_path, kind):
    file = tmp_path / "m.zip"
    _zip(file, ("m/config.json", bytes(range(50)) * 20), kind=kind)
    content = bytearray(file.read_bytes())
    for place in range(45, 60):
        content[place] ^= 0xFF
    file.write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"m.zip: cannot be unpacked: .* damaged"):
        unzip(file, tmp_path / "to")


def test_lists_in_lists_without_end_are_a_damaged_gguf_file(tmp_path):
    pytest.importorskip("gguf")
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"k" + struct.pack("<I", 9)
    (tmp_path / "m.gguf").write_bytes(head + struct.pack("<IQ", 9, 1) * 100_000)
    with pytest.raises(InputError, match="is cut short or damaged"):
        read_header(tmp_path / "m.gguf")
