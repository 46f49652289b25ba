"""A suite, a run folder or a cache from a stranger runs nothing and reads nothing but its own files."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

import evalkit as package
from evalkit.cli import main as door
from evalkit.digest import digest_file
from evalkit.errors import InputError
from evalkit.registry import METRICS, REGISTRIES
from evalkit.suite.load import load_suite
from tests.builders.hostile_parts import Command, without_seal

SUITE = Path(__file__).parents[1] / "fixtures" / "failing" / "hostile-suite-runs-commands"


@pytest.fixture
def evalkit(capsys, tmp_path, monkeypatch):
    """Runs a command in a folder of its own; gives exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        capsys.readouterr()
        code = door.run([str(argument) for argument in arguments])
        return SimpleNamespace(code=code, **dict(zip(("out", "err"), capsys.readouterr(), strict=True)))

    return call


@pytest.fixture
def folder(tmp_path):
    """The suite of a stranger; its command would make the file ``ran``."""
    place = tmp_path / "suite"
    shutil.copytree(SUITE, place)
    text = (place / "suite.yaml").read_text().replace("SCRATCH/PWNED-validate", str(tmp_path / "ran"))
    (place / "suite.yaml").write_text(text)
    return place


@pytest.fixture
def changed(folder):
    """``changed(**keys)`` writes the suite with other top-level keys and without the hostile metric."""

    def write(**keys):
        data = yaml.safe_load((folder / "suite.yaml").read_text())
        data["metrics"] = ["exact_match"]
        (folder / "suite.yaml").write_text(yaml.safe_dump({**data, **keys}, sort_keys=False))
        return folder

    return write


def ran(tmp_path):
    return (tmp_path / "ran").exists()


# Kind 1: code that a suite names.


def test_validate_says_what_it_does_not_load(evalkit, folder, tmp_path):
    done = evalkit("validate", folder)
    assert done.code == 0, done.err
    assert (
        "metrics.x: metric 'subprocess:Popen' is code that the suite names; it is not loaded here" in done.out
    )
    assert "a run needs --allow-plugins" in done.out
    assert not ran(tmp_path)


@pytest.mark.parametrize("command", ["estimate", "run", "tune"])
def test_a_suite_alone_runs_no_command(evalkit, folder, tmp_path, command):
    line = (folder / "suite.yaml").read_text().splitlines().index("- type: subprocess:Popen") + 1
    refused = evalkit(command, folder)
    assert refused.code == 2
    assert (
        f"suite.yaml:{line}: metrics.1: metric 'subprocess:Popen' is code that the suite names" in refused.err
    )
    assert "pass --allow-plugins (in Python: load_suite(..., allow_plugins=True))" in refused.err
    assert not ran(tmp_path)


def test_a_class_that_is_no_metric_is_none_even_where_plugins_may_load(evalkit, folder, tmp_path):
    done = evalkit("run", folder, "--allow-plugins")
    assert done.code == 2
    assert "metric 'subprocess:Popen' is none: it must be a class with `score` or `score_async`" in done.err
    assert not ran(tmp_path)


def test_a_run_folder_runs_no_command(evalkit, folder, changed, tmp_path):
    """Its own suite.yaml may name anything; `score` reads the suite that the run was made from."""
    hostile = (folder / "suite.yaml").read_text()
    assert evalkit("run", changed(), "-o", "reports").code == 0
    (run,) = (tmp_path / "reports").glob("*/*/manifest.json")
    (run.parent / "suite.yaml").write_text(hostile)
    without_seal(run.parent)
    for command in ("compare", "decide", "report"):
        done = evalkit(command, run.parent)
        assert done.code == 0, done.err
    (folder / "suite.yaml").write_text(hostile)
    assert evalkit("score", run.parent).code == 2
    prices = tmp_path / "prices.yaml"
    prices.write_text("prices: {plain: {input: 2.0, output: 4.0, as_of: 2026-11-01, source: made up}}\n")
    assert evalkit("reprice", run.parent, "--prices", prices).code == 0
    assert not ran(tmp_path)


@pytest.mark.parametrize(
    ("keys", "where"),
    [
        ({"cases": {"path": "cases.jsonl", "format": "os:system"}}, "cases.format"),
        ({"cases": {"path": "cases.os:system"}}, "names no known format"),
        ({"models": {"shown": {"type": "os:system"}, "taught": {"type": "os:system"}}}, "models.shown.type"),
        (
            {
                "embedders": {"e": {"type": "os:system"}},
                "arms": {
                    "few_shot": {
                        "model": "shown",
                        "retrieval": {"corpus": "docs", "method": "dense", "embedder": "e"},
                    }
                },
            },
            "embedders.e.type",
        ),
        (
            {
                "arms": {
                    "few_shot": {"model": "shown", "retrieval": {"corpus": "docs", "method": "os:system"}}
                }
            },
            "arms.few_shot.retrieval.method",
        ),
        (
            {
                "models": {
                    "shown": {"type": "embedded"},
                    "taught": {"type": "tuned", "base": "shown", "train": "a.jsonl", "method": "os:system"},
                }
            },
            "models.taught.method",
        ),
        (
            {
                "models": {
                    "shown": {"type": "transformers", "model": "here", "trust_remote_code": True},
                    "taught": {"type": "recorded", "path": "b.jsonl"},
                }
            },
            "models.shown.trust_remote_code: runs Python code of the model folder",
        ),
    ],
    ids=["format", "ending", "model", "embedder", "retriever", "tuner", "code of a model folder"],
)
def test_no_other_key_of_a_suite_names_code_either(evalkit, changed, keys, where):
    place = changed(**keys)
    shutil.copy(place / "cases.jsonl", place / "cases.os:system")
    code_of_a_model = "trust_remote_code" in where  # whoever allows plugins has not allowed that
    done = evalkit("run", place, *(["--allow-plugins"] if code_of_a_model else []))
    assert done.code == 2
    assert where in done.err
    option = "EVALKIT_ALLOW_MODEL_CODE=1" if code_of_a_model else "--allow-plugins"
    assert option in done.err or where == "names no known format"


def test_code_of_a_model_folder_is_allowed_by_a_variable_of_its_own(evalkit, changed, monkeypatch):
    """Neither option gives leave for it, and no file that may have come with the suite."""
    models = {
        "shown": {"type": "transformers", "model": "here", "trust_remote_code": True},
        "taught": {"type": "recorded", "path": "b.jsonl"},
    }
    place = changed(models=models)
    with pytest.raises(InputError, match=r"load_suite\(\.\.\., allow_model_code=True\)"):
        load_suite(place, allow_plugins=True, allow_outside=True)
    assert load_suite(place, allow_model_code=True).models["shown"].trust_remote_code
    (place / ".env").write_text("EVALKIT_ALLOW_MODEL_CODE=1\n")
    refused = evalkit("run", place, "--env-file", place / ".env")
    assert refused.code == 2
    assert ".env:1: EVALKIT_ALLOW_MODEL_CODE is set by whoever types the command" in refused.err
    monkeypatch.setenv("EVALKIT_ALLOW_MODEL_CODE", "1")
    assert load_suite(place).models["shown"].trust_remote_code


def test_a_module_that_is_not_found_is_told_with_where_it_is_looked_for(evalkit, changed):
    """A plugin's file beside the suite is not on Python's path; the folder that is to be there is named."""
    place = changed(metrics=["exact_match", {"type": "beside_the_suite:Metric", "name": "x"}])
    (place / "beside_the_suite.py").write_text("class Metric: pass\n")
    done = evalkit("run", place, "--allow-plugins")
    assert done.code == 2
    assert "No module named 'beside_the_suite'" in done.err
    assert "set PYTHONPATH to the suite's folder" in done.err


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_what_may_load_must_be_of_the_extension_point(registry):
    for name in ("os:system", "subprocess:Popen", "builtins:exec", "concurrent.futures:ProcessPoolExecutor"):
        with pytest.raises(InputError, match="is none: it must be"):
            registry.load(name, plugins=True)
    with pytest.raises(InputError, match="--allow-plugins"):
        registry.load("os:system")


def test_an_installed_plugin_needs_no_leave(monkeypatch):
    """Whoever installed the package that registers it trusts it, also where a suite names its class."""
    monkeypatch.setattr(METRICS, "_plugins", {"theirs": "evalkit.metrics.token_f1:TokenF1"})
    assert METRICS.load("evalkit.metrics.token_f1:TokenF1") is METRICS.load("theirs")


# Files outside the suite's folder.


@pytest.fixture
def secret(tmp_path):
    """A file of the user's beside the suite."""
    (tmp_path / "secret.jsonl").write_text((SUITE / "cases.jsonl").read_text())
    (tmp_path / "secret.json").write_text(json.dumps({"type": "object"}))
    (tmp_path / "secret.md").write_text("a secret")
    (tmp_path / "prompt.yaml").write_text("instructions: a secret\n")
    return tmp_path


def _links(folder, secret):
    (folder / "link.jsonl").symlink_to(secret / "secret.jsonl")
    (folder / "docs").mkdir()
    (folder / "docs" / "own.md").write_text("own")
    (folder / "docs" / "link.md").symlink_to(secret / "secret.md")
    (folder / "away").symlink_to(secret)


BM25 = {"method": "bm25", "top_k": 1}
FIELDS = {"input": "question", "reference": "answer"}


@pytest.mark.parametrize(
    ("keys", "where"),
    [
        ({"cases": {"path": "../secret.jsonl", "fields": FIELDS}}, "cases.path"),
        ({"cases": {"path": "ROOT/secret.jsonl", "fields": FIELDS}}, "cases.path"),
        ({"cases": {"path": "link.jsonl", "fields": FIELDS}}, "cases.path"),
        ({"cases": {"path": "away/secret.jsonl", "fields": FIELDS}}, "cases.path"),
        ({"extra_cases": {"other": {"path": "../secret.jsonl", "fields": FIELDS}}}, "extra_cases.other.path"),
        (
            {"arms": {"few_shot": {"model": "shown", "retrieval": {"corpus": "docs", **BM25}}}},
            "docs/link.md: a link leads out of",
        ),
        (
            {"arms": {"few_shot": {"model": "shown", "retrieval": {"corpus": "../secret.md", **BM25}}}},
            "arms.few_shot.retrieval.corpus",
        ),
        (
            {"prompts": {"p": {"shots": 1, "examples": {"path": "../secret.jsonl"}}}},
            "prompts.p.examples.path",
        ),
        ({"prompts": {"p": {"from": "file", "path": "../prompt.yaml"}}}, "prompts.p.path"),
        (
            {
                "models": {
                    "shown": {"type": "recorded", "path": "../secret.jsonl"},
                    "taught": {"type": "embedded"},
                }
            },
            "models.shown.path",
        ),
        ({"metrics": ["exact_match", {"json_schema": {"path": "../secret.json"}}]}, "metrics.1"),
    ],
    ids=[
        "..",
        "absolute",
        "link",
        "linked folder",
        "extra cases",
        "link in a corpus",
        "corpus",
        "examples",
        "prompt",
        "recorded answers",
        "schema",
    ],
)
def test_a_suite_reads_only_files_of_its_own(evalkit, changed, secret, keys, where):
    place = changed(**json.loads(json.dumps(keys).replace("ROOT", str(secret))))
    _links(place, secret)
    done = evalkit("validate", place)
    assert done.code == 2, done.out
    assert where in done.err
    assert "leads out of the suite's folder" in done.err
    assert "pass --allow-outside (in Python: load_suite(..., allow_outside=True))" in done.err


def test_the_person_who_types_may_allow_it_and_the_resume_command_says_so_again(evalkit, changed, secret):
    place = changed(cases={"path": "../secret.jsonl", "fields": FIELDS})
    assert evalkit("validate", place, "--allow-outside").code == 0
    assert evalkit("run", place, "--allow-outside", "-o", "reports").code == 0
    (manifest,) = (secret / "reports").glob("*/*/manifest.json")
    outside, inside = (
        evalkit("report", manifest.parent, *allowed, "--to", name)
        for allowed, name in ((["--allow-outside"], "with"), ([], "without"))
    )
    assert (outside.code, inside.code) == (0, 0)
    shown = [(secret / name / "report.md").read_text().count("question ") for name in ("with", "without")]
    assert shown[0] > shown[1]
    suite = load_suite(place, allow_outside=True, allow_plugins=True)
    assert suite.trust.options == " --allow-plugins --allow-outside"


def test_a_run_folder_cannot_have_a_report_show_other_files(evalkit, changed, secret):
    """Its manifest says where its suite was and its suite which file the cases are: only those answered are shown."""
    assert evalkit("run", changed(), "-o", "reports").code == 0
    (manifest,) = (secret / "reports").glob("*/*/manifest.json")
    kept = yaml.safe_load((manifest.parent / "suite.yaml").read_text())
    kept["cases"]["path"] = "secret.jsonl"
    (manifest.parent / "suite.yaml").write_text(yaml.safe_dump(kept))
    words = json.loads(manifest.read_text()) | {"suite_path": str(secret)}
    manifest.write_text(json.dumps(words))
    without_seal(manifest.parent)
    text = (secret / "secret.jsonl").read_text().replace("question 3", "my password")
    (secret / "secret.jsonl").write_text(text)
    assert evalkit("report", manifest.parent).code == 0
    assert "my password" not in (manifest.parent / "report.md").read_text()


# Kind 14: a cache restored from elsewhere.


@pytest.mark.parametrize("place", ["as local mode keeps it", "in the vectors"])
def test_a_poisoned_index_runs_nothing(evalkit, changed, tmp_path, place):
    """An index made of pickles is none, even where its mark has the right digest; it is built again."""
    pytest.importorskip("qdrant_client")
    docs = {"corpus": "docs", "method": "qdrant", "top_k": 1}
    suite = changed(
        embedders={"h": {"type": "hashed"}},
        arms={"few_shot": {"model": "shown"}, "rag": {"model": "taught", "retrieval": docs}},
    )
    (suite / "docs").mkdir()
    (suite / "docs" / "a.md").write_text("hello")
    (suite / "docs" / "b.md").write_text("other")
    assert evalkit("run", suite, "-o", "first").code == 0
    (mark,) = (tmp_path / "evalkit-cache").glob("indexes/*/evalkit.json")
    if place == "in the vectors":
        vectors = mark.with_name("vectors.npy")
        np.save(vectors, np.array([[Command(tmp_path / "ran")]], dtype=object), allow_pickle=True)
        mark.write_text(json.dumps(json.loads(mark.read_text()) | {"vectors": digest_file(vectors)}))
    else:
        _local_mode(mark.parent, tmp_path / "ran")
        mark.with_name("vectors.npy").unlink()
    assert evalkit("run", suite, "-o", "second", "--no-cache").code == 0
    assert evalkit("run", suite, "-o", "third").code == 0
    assert not ran(tmp_path)
    runs = [package.load_run(next((tmp_path / name / "atk").iterdir())) for name in ("first", "third")]
    first, third = (run.samples()[["case_id", "arm", "output", "passages"]] for run in runs)
    assert first.equals(third)


def _local_mode(folder, file):
    """A folder as Qdrant's local mode keeps one, every point of it a pickle that runs a command."""
    from qdrant_client import QdrantClient, models

    client = QdrantClient(path=str(folder))
    client.create_collection(
        "chunks", vectors_config=models.VectorParams(size=512, distance=models.Distance.COSINE)
    )
    client.upsert("chunks", models.Batch(ids=[0], vectors=[[1.0] * 512]))
    client.close()
    (database,) = folder.rglob("storage.sqlite")
    import sqlite3

    with sqlite3.connect(database) as table:
        table.execute("update points set point = ?", (pickle.dumps(Command(file)),))


def test_an_adapter_that_names_a_module_is_refused(tmp_path):
    """peft imports what `megatron_core` says where `megatron_config` is set."""
    from evalkit.models.tuned_folder import tuned_files

    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    settings = tmp_path / "adapter_config.json"
    settings.write_text(json.dumps({"megatron_config": {"a": 1}, "megatron_core": "antigravity"}))
    with pytest.raises(InputError, match="runs no code that an adapter names"):
        tuned_files(tmp_path)
    settings.write_text(json.dumps({"megatron_config": None, "megatron_core": "megatron.core"}))
    assert tuned_files(tmp_path).settings == settings
