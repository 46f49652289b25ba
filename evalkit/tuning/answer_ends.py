"""Training rows held against the rule by which a local base ends its answers, before anything is trained."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.errors import DataError, Problem, SuiteError, TuningError
from evalkit.models.embedded.model import weights_folder
from evalkit.models.gguf_header import GgufHeader, read_header
from evalkit.models.local import EXTRA
from evalkit.models.local_files import context_limit, special_tokens
from evalkit.models.model_source import model_source
from evalkit.optional import require
from evalkit.suite.models import EmbeddedModelConfig, ModelConfig, TransformersModelConfig
from evalkit.suite.schema import Suite
from evalkit.tuning.protocol import TrainingRow

if TYPE_CHECKING:
    from evalkit.models.engine.chat import Chat
    from evalkit.models.engine.stop import StopRule

_LINE_END = ("\n",)
# The embedded model's template writes less than this many tokens around a message.
_AROUND_A_MESSAGE = 8
# Of a Jinja template.
_TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


@dataclass(frozen=True, slots=True)
class TrainingFile:
    """Where the rows of a tuned model stand: the file, and each row's line in order."""

    file: str
    lines: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Ends:
    """How the conversations of a local base are written, where its answers end, and what it takes."""

    chat: Chat
    stop: StopRule
    everything: StopRule
    context_limit: int


def stop_strings(base: ModelConfig) -> tuple[str, ...] | None:
    """The stop strings of a local base; None for answers of any text."""
    if not isinstance(base, EmbeddedModelConfig | TransformersModelConfig):
        return _LINE_END
    return None if base.stop is None else tuple(base.stop)


def digest_parts(base: ModelConfig, weights: Path, rows: Sequence[TrainingRow]) -> list[object]:
    """What decides the training tokens in addition to the rows, the base's files and the settings.

    Empty where each answer ends as the base's template writes it and no row spells a special token, so that adapters
    of such trainings keep their names.

    Raises:
        TuningError: The base's template does not write an answer behind its prompt.
    """
    parts: list[object] = []
    if isinstance(base, EmbeddedModelConfig):
        ends = base.stop is not None
    else:
        of_base = _ends_of(weights, stop_strings(base), _trusted(base))
        ends = all(
            of_base.stop.end_in(of_base.chat.training(row.messages)[1]) is not None for row in rows[:1]
        )
    if not ends:
        parts.append("the end token behind each answer")
    if _spelled(rows, special_tokens(weights)):
        parts.append("special tokens in texts are letters")
    return parts


def check_rows(
    suite: Suite, name: str, weights: Path, rows: Sequence[TrainingRow], places: TrainingFile
) -> Iterator[str]:
    """Hold every training row of one tuned model against its base's context and the end of the base's answers.

    Args:
        suite: The suite.
        name: The tuned model.
        weights: Folder of its base.
        rows: All its training rows, in the order of the file.
        places: Where they stand.

    Yields:
        A sentence where a stop string cuts some answers.

    Raises:
        DataError: Rows are longer than the context; gives the line of each.
        SuiteError: Every training answer would be cut, or nothing can end an answer.
    """
    config = suite.models[name]
    base_name = config.tuned_from_name or ""
    base = suite.models[base_name]
    ends = _ends_of(weights, stop_strings(base), _trusted(base))
    from evalkit.tuning.rows import token_row_of

    too_long: list[Problem] = []
    cut: list[int] = []
    for index, row in enumerate(rows):
        try:
            tokens = token_row_of(row, ends.chat, ends.stop)
        except TuningError as error:
            raise SuiteError(suite.source.problem(("models", name, "base"), str(error))) from error
        if tokens.tokens > ends.context_limit:
            too_long.append(_too_long(places, index, tokens.tokens, (name, base_name), ends.context_limit))
        elif _is_cut(row.messages[-1].content, tokens.answer, ends):
            cut.append(index)
    if too_long:
        raise DataError.first_of(too_long)
    if cut:
        yield from _cut_words(suite, base_name, cut, places)


def _ends_of(weights: Path, stop: tuple[str, ...] | None, trusted: bool) -> _Ends:
    state = (weights / "config.json").stat().st_mtime_ns
    return _read_ends(weights, stop, trusted, state)


@lru_cache(maxsize=4)
def _read_ends(weights: Path, stop: tuple[str, ...] | None, trusted: bool, _: int) -> _Ends:
    require("transformers", EXTRA)
    from evalkit.models.engine.chat import Chat
    from evalkit.models.engine.stop import StopRule
    from evalkit.models.engine.weights import read_settings

    settings = read_settings(weights, trust_remote_code=trusted)
    return _Ends(
        chat=Chat(settings.tokenizer),
        stop=StopRule(settings.tokenizer, stop, settings.end_ids),
        everything=StopRule(settings.tokenizer, (), frozenset()),
        context_limit=settings.context_limit,
    )


def _trusted(base: ModelConfig) -> bool:
    return isinstance(base, TransformersModelConfig) and base.trust_remote_code


def surely_fine(
    base: ModelConfig, rows: Sequence[TrainingRow], folder: Path, *, by_header: bool = False
) -> bool:
    """Whether short rows with answers of one line need no tokenizer to be found fine.

    So it is with the embedded model, whose template is known.

    Args:
        base: Of the tuned model.
        rows: All its training rows.
        folder: The suite's folder.
        by_header: Whether the header of a GGUF file is enough: its context, that there is an end token, and a template
            that refuses no conversation. Then the file need not be unpacked.

    Raises:
        InputError: There is no such base, or its file cannot be used.
    """
    if stop_strings(base) != _LINE_END:
        return False
    if any(len(row.messages[-1].content.strip().splitlines()) > 1 for row in rows):
        return False
    if isinstance(base, EmbeddedModelConfig):
        limit = context_limit(base, folder)
        longest = max((_most_tokens(row) for row in rows), default=0)
        return limit is not None and longest <= limit and not _spelled(rows, special_tokens(weights_folder()))
    if not by_header or not isinstance(base, TransformersModelConfig):
        return False
    source = model_source(base.model, folder)
    return source.path is not None and source.is_gguf and _fine_by_header(read_header(source.path), rows)


def _fine_by_header(header: GgufHeader, rows: Sequence[TrainingRow]) -> bool:
    limit = header.facts.get(f"{header.architecture}.context_length")
    template = header.facts.get("tokenizer.chat_template")
    if not isinstance(limit, int) or not isinstance(template, str) or "raise_exception" in template:
        return False
    if not isinstance(header.facts.get("tokenizer.ggml.eos_token_id"), int):
        return False
    around = _written_bytes(template)
    longest = max((_most_tokens(row, around) for row in rows), default=0) + around
    # Where texts hold no bracket, no special token is spelled.
    return longest <= limit and not _spelled(rows, ("<", "[", "\uff5c"))


def _written_bytes(template: str) -> int:
    """Most that a template writes around one message: what stands outside of its tags, and their quoted texts."""
    quoted = [text for tag in _TAG.findall(template) for text in _QUOTED.findall(tag)]
    return len("".join([_TAG.sub("", template), *quoted]).encode())


def _most_tokens(row: TrainingRow, around: int = _AROUND_A_MESSAGE) -> int:
    """No token of a tokenizer over bytes is shorter than a byte."""
    return sum(len(message.content.encode()) + around for message in row.messages)


def _spelled(rows: Sequence[TrainingRow], special: Sequence[str]) -> bool:
    return any(
        token in message.content for row in rows for message in row.messages for token in special if token
    )


def _is_cut(answer: str, tokens: Sequence[int], ends: _Ends) -> bool:
    written = ends.stop.text(tokens[: ends.stop.end_in(tokens)])
    # Some tokenizers normalise what they read, so a text that comes back otherwise need not be cut.
    return answer.strip() not in written and len(written) < len(ends.everything.text(tokens))


def _too_long(places: TrainingFile, index: int, tokens: int, names: tuple[str, str], limit: int) -> Problem:
    tuned, base = names
    return Problem(
        places.file,
        places.lines[index],
        "",
        f"has {tokens:,} tokens in the prompt of {tuned!r}, and {base!r} takes {limit:,}; shorten it or leave it out, "
        "since a cut row would teach half an answer",
    )


def _cut_words(suite: Suite, base: str, cut: Sequence[int], places: TrainingFile) -> Iterator[str]:
    config = suite.models[base]
    stop = stop_strings(config)
    cause = f"`stop: {list(stop)!r}`" if stop else "the model's own end"
    message = (
        f"{cause} of {base!r} cuts {len(cut):,} of {len(places.lines):,} training answers, the first at "
        f"{places.file}:{places.lines[cut[0]]}: a model tuned on them gives what stands before the cut. Leave `stop` "
        "out, or set it to null, and an answer ends at the model's end token"
    )
    if len(cut) == len(places.lines):
        raise SuiteError(suite.source.problem(("models", base), message))
    yield f"{message}."
