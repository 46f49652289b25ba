"""Does every function on texts take time in proportion to the text, whatever character it is made of?

    python -m tests.benchmarks.bench_text_linear [FUNCTION ...]

For each function and each text, the processor time for 64,000 characters is divided by that for 16,000 (minima of
three, and of fifteen where the bound was passed): 4 is linear, 16 is quadratic, above 5 is told where it took more than
50 ms. Texts are copies of one character (all of ASCII, one of each kind that a rule names) and of short pieces that
begin what a rule looks for.
Answers under a suite's own patterns and schemas are not here: they have a limit of time instead.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from evalkit.comparison.failures import contains_reference
from evalkit.data.corpus import _front_matter
from evalkit.data.fields import accepted_answers, parse_list
from evalkit.data.near_duplicates import shingles
from evalkit.data.readers import json_object
from evalkit.errors import DataError, did_you_mean
from evalkit.metrics.accuracy import Accuracy
from evalkit.metrics.contains import Contains
from evalkit.metrics.exact_match import ExactMatch
from evalkit.metrics.rouge_l import RougeL
from evalkit.metrics.token_f1 import TokenF1
from evalkit.models.error_reply import error_words
from evalkit.models.lenient_json import joined, read_leniently
from evalkit.models.own_failure import own_failure
from evalkit.models.server_events import ServerEvents
from evalkit.plain import escaped_in_json, one_line, unobeyed
from evalkit.prompts.template import Template
from evalkit.records.case import Case
from evalkit.records.sample import Sample, Status, Timing
from evalkit.reporting.markdown_text import escaped
from evalkit.reporting.terminal_layout import Breaker
from evalkit.reporting.words import clipped
from evalkit.retrieval.chunks import chunk_spans, sections
from evalkit.secrets import Secrets
from evalkit.suite.retrieval import ChunkConfig
from evalkit.text.fold import fold
from evalkit.text.normalise import cut_at_punctuation, normalise, readings
from evalkit.text.personal_data import holds_personal_data
from evalkit.text.sentences import sentences, tokens
from evalkit.text.thoughts import ends_in_thought, split_thoughts
from evalkit.text.token_rate import approximate_tokens
from evalkit.text.words import answer_words, search_terms, words

LONG, SHORT = 64_000, 16_000
MOST_GROWTH = 5.0
"""Four times the text may take this many times as long."""
AGAIN = 4
"""How often a growth above the bound is measured again; the least times count."""
NOTICED_S = 0.05
"""Seconds up to which no growth is looked for."""


def _scored(metric: object, reference: Callable[[str], str]) -> Callable[[str], object]:
    def score(text: str) -> object:
        case = Case(id="1", input="q", cluster="1", reference=(reference(text),))
        sample = Sample(
            case_id="1", arm="a", status=Status.OK, output=text, prompt_digest="", request_digest=""
        )
        return metric.score(case, sample)  # type: ignore[attr-defined]

    return score


def _half(text: str) -> str:
    return text[: len(text) // 2]


def _as_bytes(function: Callable[[bytes], object], before: str = "") -> Callable[[str], object]:
    def run(text: str) -> None:
        with contextlib.suppress(ValueError, DataError):  # most texts are no JSON
            function((before + text).encode("utf-8", "surrogatepass"))

    return run


def _chunks(by: str) -> Callable[[str], object]:
    config = ChunkConfig(by=by, size=200, overlap=20)  # type: ignore[arg-type]
    return lambda text: chunk_spans(text, config)


def _front_matter_of(text: str) -> None:
    with contextlib.suppress(DataError):
        _front_matter(f"---\n{text}", "a.md")


FUNCTIONS: dict[str, Callable[[str], object]] = {
    **{
        function.__name__: function
        for function in (
            fold, normalise, cut_at_punctuation, readings, words, search_terms, answer_words, sentences, tokens,
            split_thoughts, ends_in_thought, approximate_tokens, holds_personal_data, shingles, sections,
            one_line, unobeyed, escaped_in_json, escaped, Template, parse_list,
        )
    },
    "exact_match": _scored(ExactMatch(), lambda text: "x"),
    "token_f1": _scored(TokenF1(), _half),
    "accuracy": _scored(Accuracy(labels=["a", "b"]), lambda text: "a"),
    "rouge_l against a short reference": _scored(RougeL(), lambda text: "x y z"),
    "contains half of it": _scored(Contains(), _half),
    "contains what it has not": _scored(Contains(), lambda text: f"{_half(text)}7x"),
    "contains a number": _scored(Contains(normalise=False), lambda text: f"1{_half(text)}7"),
    "failure kinds, half of it": lambda text: contains_reference(text, [_half(text)]),
    "failure kinds, what it has not": lambda text: contains_reference(text, [f"{_half(text)} x7"]),
    "lines of a terminal": lambda text: list(Breaker(["my arm"]).pieces(text)),
    "clipped": lambda text: clipped(text, 600),
    **{f"chunks by {by}": _chunks(by) for by in ("tokens", "sentences", "headings")},
    "template that opens a field": lambda text: Template("{{" + text),
    "front matter": _front_matter_of,
    "accepted answers": lambda text: accepted_answers(["{" + text]),
    "row of JSON": _as_bytes(lambda raw: json_object(raw, shown_as="f", line=1), '{"a":"'),
    "reply of JSON": _as_bytes(read_leniently, '{"a":"'),
    "halves of letters": lambda text: joined([text]),
    "error reply": _as_bytes(error_words),
    "refusal": _as_bytes(lambda raw: own_failure(400, raw, Timing())),
    "server events": _as_bytes(lambda raw: list(ServerEvents().feed(raw)), "data:"),
    "secrets": Secrets(["secret-key-1"]).hide,
    "nearest name": lambda text: did_you_mean(text, ["few_shot", _half(text)]),
}  # fmt: skip

_KINDS = (
    "\t\n\r\x0b\x1b\u00a0\u2009\u3000\u2028\uff11\u0661\u00bd\u00b2\u2075\u20ac\u2013\u2212\u2019\uff1a\u3002\u4e2d"
    "\u3042\u0e01\u0e31\u0301\u0345\u1100\uac00\U0001f600\u200d\u00ad\ufeff\ue002\uff0c\u2460\ufdfa\u0130\u00df\u0149"
)
PIECES = (
    "1,", "a ", "a, ", "- ", "$1", "a-", "<a ", "1/", "[1 ", "(1,", "a.", "{{", "**", "<think>", "\n#", "\n---", "1 2",
    "a@", "a.b@", "-1", "'1", "e1", "x y\n", "\n \n", ". ", "=\t", "1,000", "(12.00)", "{1,", "$a\\", "<a=", "\u4e2d ",
    "5\u4e2d-", "+1 ", "a'", "!\n", "* a\n", "> ", "    a\n", "[a](", "![", "<!--", "\\", "a\u0301", "{{a", "_a",
)  # fmt: skip
TEXTS = (*map(chr, range(32, 127)), *_KINDS, *PIECES)


class Growth(NamedTuple):
    """How a function's time grows with four times the text."""

    function: str
    piece: str
    short_s: float
    long_s: float

    @property
    def ratio(self) -> float:
        """Time of the long text in times of the short one."""
        return self.long_s / max(self.short_s, 1e-6)


def processor_time(function: Callable[[str], object], text: str, rounds: int = 3) -> float:
    """The least processor time of some rounds, in seconds; one round where it is long."""
    least = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        function(text)
        least = min(least, time.process_time() - began)
        if least > 1.0:
            break
    return least


def growths(
    names: list[str], texts: tuple[str, ...] = TEXTS, long: int = LONG, noticed_s: float = NOTICED_S
) -> Iterator[Growth]:
    """How each function grows on each text; the short text has a quarter of the characters."""
    for name in names:
        function = FUNCTIONS[name]
        function("warm \u4e2d\u6587")  # dictionaries are loaded once
        for piece in texts:
            text = (piece * long)[:long]
            long_s = processor_time(function, text, rounds=1)
            if long_s <= noticed_s:
                yield Growth(name, piece, long_s, long_s)
                continue
            yield Growth(
                name, piece, processor_time(function, text[: long // 4]), processor_time(function, text)
            )


def settled(growth: Growth) -> Growth:
    """A growth above the bound measured again: a busy machine takes processor time too. The least times count."""
    for _ in range(AGAIN):
        if growth.ratio <= MOST_GROWTH:
            break
        (again,) = growths([growth.function], (growth.piece,))
        growth = growth._replace(
            short_s=min(growth.short_s, again.short_s), long_s=min(growth.long_s, again.long_s)
        )
    return growth


def main() -> int:
    """Print each function's greatest growth, and fail where one is above the bound."""
    failed = False
    for name in sys.argv[1:] or FUNCTIONS:
        worst = max(map(settled, growths([name])), key=lambda growth: growth.ratio)
        failed |= worst.ratio > MOST_GROWTH
        print(f"{name:34} {worst.piece!r:12} {worst.long_s:8.3f} s  x {worst.ratio:.1f}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
