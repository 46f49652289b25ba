"""Sentence embedders that a suite names, checked without unpacking or loading them and without a network."""

from __future__ import annotations

from pathlib import Path, PurePath

from evalkit.errors import InputError, SuiteError
from evalkit.models.model_source import ModelSource, model_source
from evalkit.models.zipped_folder import names_in_zip
from evalkit.suite.retrieval import SentenceTransformersConfig
from evalkit.suite.schema import Suite


def check_embedders(suite: Suite) -> tuple[str, ...]:
    """Check the files of every embedder that runs on this machine.

    Returns:
        What cannot be checked here, one sentence each: embedders that have to come from the hub.

    Raises:
        SuiteError: A folder, zip or package is missing or damaged, or holds no sentence-transformers model with
            safetensors weights. All problems are listed, each with its line.
    """
    problems, notes = [], []
    for name, config in suite.embedders.items():
        if not isinstance(config, SentenceTransformersConfig):
            continue
        try:
            source = model_source(config.model, suite.folder)
            check_embedder_files(source)
        except InputError as error:
            problems.append(suite.source.problem(("embedders", name, "model"), str(error)))
            continue
        if source.path is None:
            notes.append(
                f"embedders.{name}: {config.model!r} is no folder here, so it is taken as a hub id and fetched when it "
                "is first needed"
            )
    if problems:
        raise SuiteError(*problems)
    return tuple(notes)


def check_embedder_files(source: ModelSource) -> None:
    """Refuse what is no sentence-transformers model, by the names of its files.

    Raises:
        InputError: Says what is missing, and where.
    """
    if source.path is None:
        return
    if source.is_gguf:
        raise InputError(
            f"{source.name!r}: a GGUF file is read as a model that answers; an embedder is a sentence-transformers "
            "folder, a .zip of one, or a hub id"
        )
    names = _names(source.path, zipped=source.is_zip)
    if not {"modules.json", "config.json"} & {str(name) for name in names}:
        raise InputError(f"{source.path} is no sentence-transformers model: it has no modules.json")
    if not any(name.suffix == ".safetensors" for name in names):
        raise InputError(
            f"{source.path}: has no *.safetensors weights; pickled weights are not read. Save it again with "
            "sentence-transformers' save_pretrained"
        )


def _names(path: Path, *, zipped: bool) -> list[PurePath]:
    if zipped:
        return list(names_in_zip(path))
    return [file.relative_to(path) for file in path.rglob("*") if file.is_file()]
