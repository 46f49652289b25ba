"""How much of an arm's prompt is the same for every case: what a prompt cache can hold."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

from evalkit.arms.arm import Arm
from evalkit.records.case import Case, Message

_SAMPLED = 40


def shared_prefix(arm: Arm, cases: Iterable[Case]) -> tuple[Message, ...]:
    """The leading messages that the arm's first prompts share; the last message never counts.

    Examples of a case's own cluster are replaced, so a few prompts may differ: the prefix is what at least half
    of those sampled share.
    """
    prompts = [arm.compose(case).messages[:-1] for case in itertools.islice(cases, _SAMPLED)]
    shared: tuple[Message, ...] = ()
    for length in range(1, max(map(len, prompts), default=0) + 1):
        heads = [prompt[:length] for prompt in prompts if len(prompt) >= length]
        commonest = max(dict.fromkeys(heads), key=heads.count)
        if heads.count(commonest) * 2 < len(prompts):
            break
        shared = commonest
    return shared


def fixed_share(arm: Arm, cases: Iterable[Case], prefix: tuple[Message, ...]) -> float | None:
    """Share of the characters of the arm's first prompts that their shared prefix makes; None without a prompt."""
    lengths = [
        sum(len(message.content) for message in arm.compose(case).messages)
        for case in itertools.islice(cases, _SAMPLED)
    ]
    if not sum(lengths):
        return None
    return min(1.0, sum(len(message.content) for message in prefix) * len(lengths) / sum(lengths))


def prefix_tokens(messages: tuple[Message, ...], count: Callable[[str], int] | None) -> float | None:
    """Tokens of a prefix, or None where the model's tokenizer is not at hand. Template tokens are left out."""
    if count is None:
        return None
    return float(sum(count(message.content) for message in messages))
