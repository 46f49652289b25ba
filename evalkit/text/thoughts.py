"""Think blocks: what a reasoning model writes before its answer, between ``<think>`` and ``</think>``.

Other pairs of tags are known too: ``<thinking>``, ``<thought>`` (Gemini), ``[THINK]`` (Mistral), ``◁think▷`` (Kimi).

A block belongs to the answer's tokens and time and not to the answer: no stop string ends inside it and no metric
reads it. A server that gives the reasoning in a field of its own has set it aside already.
"""

from __future__ import annotations

import re
from typing import NamedTuple

OPENING = "<think>"
"""Put before an answer whose prompt ends inside a block, so that the block has both its ends."""

_ENDS = {
    **{f"<{name}>": f"</{name}>" for name in ("think", "thinking", "thought", "seed:think")},
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
}
_OPENS = re.compile(rf"\s*({'|'.join(map(re.escape, _ENDS))})")
# Some templates open the block in the prompt, and the server returns what came after: the end stands alone then.
_ENDS_ALONE = re.compile(r"(?:^|\n)[ \t]*</think>[ \t]*(?:\n|$)")
_OPEN_AT_END = re.compile(r"<think>\s*$")


class SplitAnswer(NamedTuple):
    """A model's text in two parts: ``reasoning`` with its tags, None where there is none, and the answer behind it."""

    reasoning: str | None
    answer: str


def answer_start(text: str) -> int | None:
    r"""Where the answer begins: behind the blocks that ``text`` begins with and the space after them.

    Returns:
        0 where the text begins with no block, None where its last block has not ended.

    >>> answer_start("<think>2 + 2</think>\n\n4"), answer_start("<think>2 + 2"), answer_start("4")
    (22, None, 0)
    """
    start = 0
    while (opened := _OPENS.match(text, start)) is not None:
        end = _block_end(text, opened[1], opened.end())
        if end is None:
            return None
        start = end
    if not start:
        return 0
    return len(text) - len(text[start:].lstrip())


def _block_end(text: str, opening: str, start: int) -> int | None:
    """Where a block ends: at the end of its outer one where blocks of one kind are nested; None where it does not.

    A thought may also speak of a tag that it never closes: where ends are lacking, the last there is counts.
    """
    closing = _ENDS[opening]
    end, opened, at = None, 1, start
    while opened and (found := text.find(closing, at)) >= 0:
        opened += text.count(opening, at, found) - 1
        end = at = found + len(closing)
    return end


def split_thoughts(text: str) -> SplitAnswer:
    r"""A model's text with its think blocks set aside; a block that never ended leaves an empty answer.

    A tag inside an answer is text. An end without a beginning counts where it stands alone on its line.

    >>> split_thoughts("<think>2 + 2</think>\n\n4")
    SplitAnswer(reasoning='<think>2 + 2</think>', answer='4')
    >>> split_thoughts("Close it with </think>, then go on.")
    SplitAnswer(reasoning=None, answer='Close it with </think>, then go on.')
    """
    start = answer_start(text)
    if start is None:
        return SplitAnswer(text, "")
    if start == 0:
        alone = _ENDS_ALONE.search(text)
        if alone is None or OPENING in text[: alone.start()]:
            return SplitAnswer(None, text)
        start = len(text) - len(text[alone.end() :].lstrip())
    return SplitAnswer(text[:start].rstrip(), text[start:])


def ends_in_thought(prompt: str) -> bool:
    """Whether a prompt ends inside a think block, so that what is written next belongs to it."""
    return _OPEN_AT_END.search(prompt) is not None
