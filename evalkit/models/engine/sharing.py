"""What the prompts of a batch share, and what of it is run once.

Two levels. The **prefix** is the beginning of one of the prompts: all of its messages but the last, or as much of them
as another prompt has too. Every row goes on from the place where its own prompt leaves it. Behind that place, prompts
whose messages before the last are the same share the rest of these: their **head** is run once for all of them. So a
case that may not see one of the demonstrations runs none of those before it, and what comes after it once for all
cases of its cluster.

All of it follows from the prompts of the batch, in their order: the same batch is always run in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from evalkit.models.engine.rows import Head

# A run of its own takes about as long as this many tokens more in a longer run: the weights are read once more.
_A_RUN = 16
# A prefix that is short enough is run three times, to know its seconds.
_WORTH_A_PREFIX = 4 * _A_RUN
# Tokens that the last messages begin with count by so many: what two questions happen to share is shorter.
_STEP = 16


@dataclass(frozen=True, slots=True)
class Shared:
    """How a batch is run.

    Attributes:
        prefix: Tokens of the first level; none where nothing is shared.
        heads: What comes before each row's own tokens.
    """

    prefix: tuple[int, ...]
    heads: list[Head]


@dataclass(frozen=True, slots=True)
class Group:
    """Prompts of a batch whose messages before the last are the same.

    Attributes:
        rows: Their places in the batch.
        tokens: What these messages come to, or more of a prompt where each group is a single one; always less than
            any of its prompts.
    """

    rows: list[int]
    tokens: tuple[int, ...]


def nothing_shared(rows: int) -> Shared:
    """A batch of which every prompt is run whole."""
    return Shared((), [Head(0)] * rows)


def share(prompts: Sequence[Sequence[int]], groups: Sequence[Group]) -> Shared:
    """What to run once.

    Args:
        prompts: Tokens of the batch's prompts.
        groups: All of them, each in one group.
    """
    if len(groups) == 1:
        prefix = _with_instructions(groups[0].tokens, prompts)
        return Shared(prefix, [Head(len(prefix))] * len(prompts))
    common = _common_lengths([group.tokens for group in groups])
    best, saved = 0, 0
    lengths: list[int] = []
    for place, group in enumerate(groups):
        others = [length for other, length in enumerate(common[place]) if other != place]
        length = len(group.tokens) if len(group.rows) > 1 else max(others)
        seen = [min(length, each) for each in common[place]]
        lengths.append(length)
        saves = sum(len(each.rows) * tokens for each, tokens in zip(groups, seen, strict=True)) - length
        if saves > saved:
            best, saved = place, saves
    if saved < _WORTH_A_PREFIX:
        return nothing_shared(len(prompts))
    seen = [min(lengths[best], each) for each in common[best]]
    apart = [Head(tokens, group.tokens[tokens:]) for group, tokens in zip(groups, seen, strict=True)]
    heads = _by_row(groups, apart, len(prompts))
    if not _run_apart(prompts, heads):
        heads = [Head(head.seen) for head in heads]
    return Shared(groups[best].tokens[: lengths[best]], heads)


def _by_row(groups: Sequence[Group], heads: Sequence[Head], rows: int) -> list[Head]:
    placed = {row: head for group, head in zip(groups, heads, strict=True) for row in group.rows}
    return [placed[row] for row in range(rows)]


def _run_apart(prompts: Sequence[Sequence[int]], heads: Sequence[Head]) -> bool:
    """Whether to run heads before the rows.

    That is less work where many rows share one, or where few rows have long ones that all others would be padded to.
    """
    whole = [len(prompt) - head.seen for prompt, head in zip(prompts, heads, strict=True)]
    own = [tokens - len(head.tokens) for tokens, head in zip(whole, heads, strict=True)]
    apart = sum(len(head.tokens) + _A_RUN for head in dict.fromkeys(heads) if head.tokens)
    return apart + len(prompts) * max(own) < len(prompts) * max(whole)


def _with_instructions(head: tuple[int, ...], prompts: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """A head, and what all last messages begin with where that pays even if the prefix is run for this batch alone."""
    shortest = min(map(len, prompts)) - 1
    common = min([shortest, *(same_tokens(prompts[0], prompt) for prompt in prompts[1:])])
    more = (common - len(head)) // _STEP * _STEP
    if more * (len(prompts) - 1) <= 2 * (len(head) + more):
        return head
    return tuple(prompts[0][: len(head) + more])


def _common_lengths(sequences: Sequence[tuple[int, ...]]) -> list[list[int]]:
    """How many tokens each two of these begin with; of one with itself, all.

    In sorted order what two have in common is the least that neighbours between them have.
    """
    order = sorted(range(len(sequences)), key=sequences.__getitem__)
    neighbours = [same_tokens(sequences[one], sequences[other]) for one, other in pairwise(order)]
    common = [[0] * len(sequences) for _ in sequences]
    for start, one in enumerate(order):
        length = common[one][one] = len(sequences[one])
        for end in range(start + 1, len(order)):
            length = min(length, neighbours[end - 1])
            common[one][order[end]] = common[order[end]][one] = length
    return common


def same_tokens(left: Sequence[int], right: Sequence[int]) -> int:
    """Length of the common beginning."""
    for index, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return index
    return min(len(left), len(right))
