"""What a GGUF file says of itself: llama.cpp's format, in which Ollama and LM Studio keep models too.

Only the header is read, in a tenth of a second: names, sizes, types. So a file that cannot be used is refused before
its weights are unpacked. The layout is that of ggml's ``docs/gguf.md``, versions 2 and 3, little endian.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from evalkit.errors import InputError, Problem
from evalkit.models.part_counts import refuse_counts
from evalkit.optional import require

_EXTRA = "local"
_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
# Number types by their code.
_NUMBERS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_MOST_DIMENSIONS = 8
_ALIGNMENT = 32
# Names under which transformers knows some architectures of llama.cpp.
_OTHER_NAMES = {
    "qwen2moe": "qwen2_moe",
    "qwen3moe": "qwen3_moe",
    "gpt-oss": "gpt_oss",
    "minimax-m2": "minimax_m2",
}
# Sections of transformers' table that are no architectures, and models with an encoder.
_NOT_CAUSAL = frozenset({"general", "tokenizer", "t5", "umt5"})
_AGAIN = "Fetch it again, or reinstall the package that ships it"


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The header of one file.

    Attributes:
        facts: Numbers and texts by their key; of a list its length.
        tensor_types: Codes of the number types of the weights.
        data_bytes: Size that the file must have at least to hold the weights it tells of.
    """

    file: Path
    facts: Mapping[str, object]
    tensor_types: frozenset[int]
    data_bytes: int

    @property
    def architecture(self) -> str:
        """The family of models, as llama.cpp calls it."""
        return str(self.facts.get("general.architecture", ""))

    @property
    def quantisation(self) -> str:
        """How most weights are stored: ``Q4_1``."""
        gguf = require("gguf", _EXTRA)
        try:
            kind = gguf.LlamaFileType(self.facts.get("general.file_type"))
        except ValueError:
            return "a type that the file does not name"
        return str(kind.name.removeprefix("MOSTLY_").removeprefix("ALL_"))


def read_header(file: Path) -> GgufHeader:
    """The header of a GGUF file.

    Raises:
        InputError: It is none, or its header or weights are cut short.
        MissingExtraError: The package gguf is not installed.
    """
    gguf = require("gguf", _EXTRA)
    try:
        with file.open("rb") as stream:
            if stream.read(len(_MAGIC)) != _MAGIC:
                raise _refusal(file, "is no GGUF file: it does not begin with the letters GGUF")
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
                cursor = _Cursor(content, len(_MAGIC))
                return _header(file, cursor, gguf.GGML_QUANT_SIZES)
    except (struct.error, UnicodeDecodeError, RecursionError) as error:
        raise _refusal(file, f"is cut short or damaged: its header does not end. {_AGAIN}") from error
    except OSError as error:
        raise _refusal(file, f"cannot be read: {error.strerror or error}") from error


def check_gguf(file: Path) -> GgufHeader:
    """The header of a file that can be used here as a model.

    Raises:
        InputError: It is cut short, tells of more layers or experts than any model has, is of an architecture or number
            type that transformers does not read, one part of a model in several files, or without a chat template.
        MissingExtraError: transformers or gguf is not installed.
    """
    header = read_header(file)
    refuse_counts(file, header.facts)
    known = require("transformers.integrations", _EXTRA).GGUF_CONFIG_MAPPING
    name = _OTHER_NAMES.get(header.architecture, header.architecture)
    readable = sorted(set(known) - _NOT_CAUSAL)
    if name not in readable:
        raise _refusal(
            file,
            f"holds a model of the architecture {header.architecture[:100]!r}, which transformers does not read from "
            f"GGUF as a model that writes text. It reads: {', '.join(readable)}. Give the model's folder or hub id "
            "instead",
        )
    parts = header.facts.get("split.count", 1)
    if isinstance(parts, int) and parts > 1:
        raise _refusal(
            file,
            f"is one of {parts} files of a model; join them with `llama-gguf-split --merge`, or give its hub id",
        )
    for code in sorted(header.tensor_types):
        _refuse_unreadable(file, code)
    if not header.facts.get("tokenizer.chat_template"):
        raise _refusal(
            file,
            "has no chat template (tokenizer.chat_template), so how the model was taught to read a conversation is not "
            "known. Take a file made from the instruct model, or give the model's folder or hub id: there a model "
            "without a template is asked to continue plain text",
        )
    return header


@dataclass(slots=True)
class _Cursor:
    """Reads on from a position; past the end is a ``struct.error``."""

    content: mmap.mmap
    position: int
    _packers: dict[str, struct.Struct] = field(default_factory=dict)

    def number(self, layout: str) -> int | float | bool:
        packer = self._packers.get(layout) or self._packers.setdefault(layout, struct.Struct(layout))
        (value,) = packer.unpack_from(self.content, self.position)
        self.position += packer.size
        return value  # type: ignore[no-any-return]

    def whole(self, layout: str = "<Q") -> int:
        return int(self.number(layout))

    def skip(self, count: int) -> None:
        if count > len(self.content) - self.position:
            raise struct.error("past the end")
        self.position += count

    def text(self) -> str:
        length = self.whole()
        start = self.position
        self.skip(length)
        return self.content[start : self.position].decode()

    def value(self, kind: int) -> object:
        """One value; of a list only its length."""
        if kind in _NUMBERS:
            return self.number(_NUMBERS[kind])
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY:
            raise struct.error("no such type")
        of, length = self.whole("<I"), self.whole()
        if of in _NUMBERS:
            self.skip(length * struct.calcsize(_NUMBERS[of]))
        else:
            for _ in range(length):
                if of == _STRING:
                    self.skip(self.whole())
                else:
                    self.value(of)
        return length


def _header(file: Path, cursor: _Cursor, sizes: Mapping[int, tuple[int, int]]) -> GgufHeader:
    version = cursor.whole("<I")
    if version not in _VERSIONS:
        raise _refusal(
            file,
            f"is GGUF of version {version}, and versions 2 and 3 (little endian) are read here; convert it anew",
        )
    tensors, entries = cursor.whole(), cursor.whole()
    facts: dict[str, object] = {}
    for _ in range(entries):
        key = cursor.text()
        facts[key] = cursor.value(cursor.whole("<I"))
    types: set[int] = set()
    end = 0
    for _ in range(tensors):
        cursor.text()
        dimensions = cursor.whole("<I")
        if dimensions > _MOST_DIMENSIONS:
            raise struct.error("no tensor")
        elements = math.prod(cursor.whole() for _ in range(dimensions))
        code, offset = cursor.whole("<I"), cursor.whole()
        types.add(code)
        block, block_bytes = sizes.get(code, (1, 1))
        end = max(end, offset + elements // block * block_bytes)
    step = facts.get("general.alignment", _ALIGNMENT)
    alignment = step if isinstance(step, int) and step > 0 else _ALIGNMENT
    needed = -(-cursor.position // alignment) * alignment + end
    held = len(cursor.content)
    if held < needed:
        raise _refusal(
            file, f"is cut short: its header tells of {needed:,} bytes, and the file has {held:,}. {_AGAIN}"
        )
    return GgufHeader(file, facts, frozenset(types), needed)


def _refuse_unreadable(file: Path, code: int) -> None:
    gguf = require("gguf", _EXTRA)
    try:
        kind = gguf.GGMLQuantizationType(code)
        block_bytes = gguf.GGML_QUANT_SIZES[kind][1]
        gguf.dequantize(np.zeros((1, block_bytes), np.uint8), kind)
    except (ValueError, KeyError, NotImplementedError) as error:
        raise _refusal(
            file,
            f"stores weights as type {code}, which the installed gguf package cannot unpack; update it (pip install -U "
            "gguf), or take the model in another quantisation",
        ) from error


def _refusal(file: Path, message: str) -> InputError:
    return InputError(Problem(str(file), None, "", message))
