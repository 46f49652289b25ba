"""How text and tables are fitted to a terminal so that no number, amount or name is broken over lines.

A text breaks at spaces and beside wide (Chinese, Japanese) characters, never inside a name of the record, between a
number and its unit, or inside a number. A table whose columns do not fit side by side is printed in several parts, each
with the first column; where not even two columns fit, each row is a list of "heading: value" lines. Only a piece that
is longer than a whole line is cut.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells

from evalkit.reporting.table import Column

GAP = 2
"""Blank columns between two columns of a table."""
_AMOUNT = r"(?:[A-Z]{3} )?[−+<>-]?\d[\d.,]*(?: (?:ms|s|min|h|B|MB|GB|months?|million|points?|of \d[\d.,]*)(?![\w-]))?"
_WIDE = r"\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6"
_SENTENCE = 2  # from so many words on, a cell among numbers is a sentence
_WORDS = 14  # columns of words are not made narrower than this: they would be long and thin
_NOT_FIRST = frozenset("，。、；：？！）」』】》〉”’…％")  # closing marks never begin a line


@dataclass(frozen=True, slots=True)
class ColumnWidths:
    """How wide a column of a table may be, in terminal columns.

    Attributes:
        least: The longest piece of its heading and cells; narrower, a piece would be cut.
        cells: The longest cell in one line.
        most: The longest cell or the heading in one line.
    """

    least: int
    cells: int
    most: int


class Breaker:
    """Breaks texts over lines where a reader loses nothing.

    Args:
        names: Names of arms, models and metrics that stay whole; those with spaces or wide characters matter.
    """

    def __init__(self, names: Collection[str] = ()) -> None:
        kept = sorted({name for name in names if re.search(rf"[\s{_WIDE}]", name)}, key=len, reverse=True)
        alternatives = [*map(re.escape, kept), _AMOUNT, rf"[{_WIDE}]", rf"[^\s{_WIDE}]"]
        self._token = re.compile("|".join(alternatives))

    def pieces(self, text: str) -> Iterator[tuple[bool, str]]:
        """The pieces of one line that stay whole, each with whether a space stands before it.

        >>> [piece for _, piece in Breaker(["my arm"]).pieces("my arm takes 1.24 s, or $0.0003")]
        ['my arm', 'takes', '1.24 s,', 'or', '$0.0003']
        """
        piece, spaced, end, open_end = "", False, 0, False
        for match in self._token.finditer(text):
            token, space = match.group(), match.start() > end
            wide = len(token) == 1 and re.match(f"[{_WIDE}]", token) is not None
            breaks = space or ((wide or open_end) and token not in _NOT_FIRST)
            if piece and breaks:
                yield spaced, piece
                piece, spaced = "", space
            elif not piece:
                spaced = space
            piece, end, open_end = piece + token, match.end(), wide
        if piece:
            yield spaced, piece

    def cell_pieces(self, text: str, column: Column, *, first: bool) -> list[tuple[bool, str]]:
        """The pieces of a table's cell: ranges break after "to", pairs of names after "vs", sentences at spaces."""
        sentence = len(re.findall(r"[^\W\d_]{3,}", text)) >= _SENTENCE
        if column.align == "right" and not sentence:
            parts = re.split(r"(?<= to) | (?=\()", text)
        elif first and not column.wraps:
            parts = re.split(r"(?<= vs) ", text)
        else:
            return [piece for line in text.split("\n") for piece in self.pieces(line)]
        return [(number > 0, part) for number, part in enumerate(parts) if part]

    def broken(self, text: str, width: int, *, indent: str = "") -> str:
        """The text with line breaks, so that no line is wider than ``width``; further lines begin with ``indent``."""
        lines = (fill(self.pieces(line), width, indent, line) for line in text.split("\n"))
        return "\n".join(lines)


def fill(
    pieces: Iterator[tuple[bool, str]] | Sequence[tuple[bool, str]], width: int, indent: str, line: str = ""
) -> str:
    """Pieces put into lines of at most ``width``; a piece that is longer than a line is cut.

    Args:
        pieces: Whether a space stands before it, and the piece.
        width: Terminal columns of a line.
        indent: What further lines begin with.
        line: The text that the pieces are of; its leading spaces are kept.
    """
    lines = [line[: len(line) - len(line.lstrip(" "))]]
    empty = True
    for spaced, piece in pieces:
        text = f" {piece}" if spaced and not empty else piece
        if empty or cell_len(lines[-1]) + cell_len(text) <= width:
            lines[-1] += text
        else:
            lines.append(indent + piece)
        empty = False
        if cell_len(lines[-1]) > width:
            lines[-1:] = chop_cells(lines[-1], width)
    return "\n".join(lines)


def column_widths(
    breaker: Breaker, columns: Sequence[Column], cells: Sequence[Sequence[str]]
) -> list[ColumnWidths]:
    """The widths of each column of a table."""
    widths = []
    for place, column in enumerate(columns):
        texts = [row[place] for row in cells]
        pieces = [piece for _, piece in breaker.pieces(column.heading)]
        for text in texts:
            pieces += [piece for _, piece in breaker.cell_pieces(text, column, first=place == 0)]
        longest = max((cell_len(line) for text in texts for line in text.split("\n")), default=0)
        words = min(longest, _WORDS) if column.align == "left" else 1
        least = max(words, *map(cell_len, pieces))
        widths.append(ColumnWidths(least, max(longest, least), max(longest, least, cell_len(column.heading))))
    return widths


def table_parts(widths: Sequence[ColumnWidths], room: int) -> list[list[int]]:
    """Which columns stand side by side: one part where all fit, else several that begin with the first column.

    Returns:
        The places of the columns of each part; nothing where the first column and another one do not fit together.
    """
    parts: list[list[int]] = [[0]]
    used = widths[0].least
    for place in range(1, len(widths)):
        if used + GAP + widths[place].least > room:
            if len(parts[-1]) == 1:
                return []
            parts.append([0])
            used = widths[0].least
            if used + GAP + widths[place].least > room:
                return []
        parts[-1].append(place)
        used += GAP + widths[place].least
    return parts if widths[0].least <= room else []


def fitted(widths: Sequence[ColumnWidths], room: int) -> list[int]:
    """The width of each column that stands in a part: headings give way first, then the widest cells."""
    chosen = [width.most for width in widths]
    room -= GAP * (len(widths) - 1)
    for floors in ([width.cells for width in widths], [width.least for width in widths]):
        while sum(chosen) > room:
            spare = [place for place, width in enumerate(chosen) if width > floors[place]]
            if not spare:
                break
            chosen[max(spare, key=lambda place: chosen[place])] -= 1
    return chosen
