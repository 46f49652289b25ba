"""Documents cut into chunks that know where they came from."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from evalkit.records.case import Passage
from evalkit.suite.retrieval import ChunkConfig
from evalkit.text.sentences import Span, sentences, tokens


def cut(passages: Sequence[Passage], config: ChunkConfig | None) -> Sequence[Passage]:
    """The passages that a retriever searches.

    Args:
        passages: Whole documents.
        config: How to cut them; None for not at all, which gives the same objects back.

    Returns:
        For each document its chunks in order, called ``<document>#1``, ``<document>#2``, ... A chunk's text is
        ``document.text[chunk.start:chunk.end]``. Every character of a document but white space is in a chunk.
    """
    return (
        passages if config is None else [chunk for passage in passages for chunk in _chunks(passage, config)]
    )


def _chunks(passage: Passage, config: ChunkConfig) -> Iterator[Passage]:
    text = passage.text or ""
    for number, (start, end) in enumerate(chunk_spans(text, config), start=1):
        yield Passage(
            id=f"{passage.id}#{number}", text=text[start:end], document=passage.id, start=start, end=end
        )


def chunk_spans(text: str, config: ChunkConfig) -> list[Span]:
    """Where the chunks of one text begin and end.

    ``tokens`` gives runs of at most ``size`` tokens. ``sentences`` packs whole sentences while they fit; a longer one
    is cut by tokens. ``headings`` gives one chunk for each section of a Markdown text, its heading included, and one
    for what stands before the first; a longer section is cut by sentences. The last ``overlap`` tokens (with
    ``sentences`` and ``headings``: the last whole sentences within them) begin the next chunk, inside a section only.
    """
    places = tokens(text)
    if config.by == "tokens":
        return _by_tokens(places, config)
    if config.by == "sentences":
        return _by_sentences(_Units(text, places, config), 0, len(text))
    units = _Units(text, places, config)
    return [span for start, end in sections(text) for span in _by_sentences(units, start, end)]


def sections(text: str) -> list[Span]:
    r"""The sections of a Markdown text, one after the other, each with its heading; headings in code do not count.

    >>> text = "Before.\n\n# One\nA.\n\n## Two\nB."
    >>> [text[start:end] for start, end in sections(text)]
    ['Before.\n\n', '# One\nA.\n\n', '## Two\nB.']
    """
    from markdown_it import MarkdownIt

    lines = text.split("\n")
    begin_of_line = [0]
    for line in lines:
        begin_of_line.append(begin_of_line[-1] + len(line) + 1)
    # markdown-it takes other line ends than \n as the same; with them normalised the numbers of lines agree.
    # Only blocks are read: what is inside a paragraph takes time in proportion to the square of, say, "![![![".
    parsed = (
        MarkdownIt("commonmark")
        .disable(["inline", "text_join"])
        .parse(text.replace("\r\n", " \n").replace("\r", " "))
    )
    heads = [
        begin_of_line[token.map[0]]
        for token in parsed
        if token.type == "heading_open" and token.map is not None and token.level == 0
    ]
    edges = [0, *(head for head in heads if head > 0), len(text)]
    return [Span(start, end) for start, end in pairwise(edges) if text[start:end].strip()]


def _by_tokens(places: Sequence[Span], config: ChunkConfig) -> list[Span]:
    step = config.size - config.overlap
    spans = []
    for first in range(0, len(places), step):
        last = min(first + config.size, len(places))
        spans.append(Span(places[first].start, places[last - 1].end))
        if last == len(places):
            break
    return spans


class _Units:
    """Sentences of a text with their number of tokens; those too long for a chunk are cut by tokens."""

    def __init__(self, text: str, places: Sequence[Span], config: ChunkConfig) -> None:
        self.text = text
        self.config = config
        self._places = places
        self._starts = [place.start for place in places]

    def between(self, start: int, end: int) -> list[tuple[Span, int]]:
        """The units of a stretch of the text, each with its tokens."""
        units: list[tuple[Span, int]] = []
        for piece in sentences(self.text[start:end]):
            first = bisect_left(self._starts, start + piece.start)
            last = bisect_left(self._starts, start + piece.end)
            for begin in range(first, last, self.config.size):
                stop = min(begin + self.config.size, last)
                units.append((Span(self._places[begin].start, self._places[stop - 1].end), stop - begin))
        return units


def _by_sentences(units: _Units, start: int, end: int) -> list[Span]:
    config = units.config
    spans: list[Span] = []
    held: list[tuple[Span, int]] = []
    count = 0
    for span, size in units.between(start, end):
        if held and count + size > config.size:
            spans.append(Span(held[0][0].start, held[-1][0].end))
            held = _repeated(held, min(config.overlap, config.size - size))
            count = sum(each for _, each in held)
        held.append((span, size))
        count += size
    if held:
        spans.append(Span(held[0][0].start, held[-1][0].end))
    return spans


def _repeated(held: list[tuple[Span, int]], most: int) -> list[tuple[Span, int]]:
    """The last sentences within ``most`` tokens; never all of them, so that the next chunk says something new."""
    kept: list[tuple[Span, int]] = []
    for span, size in reversed(held[1:]):
        if size > most:
            break
        most -= size
        kept.insert(0, (span, size))
    return kept
