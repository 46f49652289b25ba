"""Where an answer ends."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from evalkit.text.thoughts import OPENING, answer_start


class StopRule:
    """Ends an answer at the model's end tokens or at any of some strings, wherever token borders fall.

    Training holds its answers against the same rule, so what is trained as the end of an answer ends it.

    Stop strings count behind think blocks only. Decoding text at every step of every row would cost more than a small
    model's step, so tokens are looked through once: only a token that can complete a stop string has the row decoded.

    Args:
        tokenizer: A transformers tokenizer.
        stops: Strings that end an answer; they are not part of it. None for answers of any text: then only end tokens
            that no text spells end one, and a model whose own settings end an answer at a line's end goes on.
        end_ids: Tokens that end an answer by themselves.
        in_thought: Whether the prompt ends inside a think block, so that the text begins there.
    """

    def __init__(
        self,
        tokenizer: Any,
        stops: Sequence[str] | None,
        end_ids: frozenset[int],
        *,
        in_thought: bool = False,
    ) -> None:
        self._tokenizer = tokenizer
        self._stops = [stop for stop in stops or () if stop]
        added = tokenizer.added_tokens_decoder
        self._end_ids = end_ids if stops is not None else end_ids & frozenset(added)
        self._opening = OPENING if in_thought else ""
        self._completing = self._tokens_that_complete()
        control = [token for token in sorted(self._end_ids) if token in added]
        own = tokenizer.eos_token_id
        self.end_token: int | None = own if own in control else next(iter(control), None)
        """The token that ends an answer and that no text spells; None where the model has none."""

    def ends(self, tokens: Sequence[int]) -> bool:
        """Whether the answer is over with the last of ``tokens``."""
        if tokens[-1] in self._end_ids:
            return True
        if self._completing is not None and tokens[-1] not in self._completing:
            return False
        text = self._decode(tokens)
        start = answer_start(text)
        return start is not None and any(text.find(stop, start) >= 0 for stop in self._stops)

    def end_in(self, tokens: Sequence[int]) -> int | None:
        """How many of ``tokens`` are written until the answer is over; None where they do not end it."""
        return next((count for count in range(1, len(tokens) + 1) if self.ends(tokens[:count])), None)

    def text(self, tokens: Sequence[int]) -> str:
        """The answer without what ended it and without space around it, which belongs to the chat template.

        Its think blocks come first, whole.
        """
        text = self._decode(tokens)
        start = answer_start(text)
        if start is None:
            return text.strip()
        ends = [position for stop in self._stops if (position := text.find(stop, start)) >= 0]
        return text[: min(ends, default=len(text))].strip()

    def thought_tokens(self, tokens: Sequence[int]) -> int:
        """How many of ``tokens`` belong to think blocks."""
        start = answer_start(self._decode(tokens))
        if start == 0:
            return 0
        if start is None:
            return len(tokens)
        length = len(self._decode(tokens)[:start].rstrip())
        counts = range(1, len(tokens) + 1)
        return counts[bisect_left(counts, length, key=lambda count: len(self._decode(tokens[:count])))]

    def _tokens_that_complete(self) -> frozenset[int] | None:
        """Ids of tokens with the last character of a stop string in them; None when every token might."""
        last = {stop[-1] for stop in self._stops}
        # Tokenizers that mark spaces drop them from a token that is decoded alone.
        if " " in last:
            return None
        if not last:
            return frozenset()
        texts = self._tokenizer.batch_decode([[token] for token in range(len(self._tokenizer))])
        # A piece of a character decodes to the replacement character, which may complete anything beyond ASCII.
        marks = last if all(character.isascii() for character in last) else {*last, "\ufffd"}
        return frozenset(token for token, text in enumerate(texts) if not marks.isdisjoint(text))

    def _decode(self, tokens: Sequence[int]) -> str:
        text = self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return self._opening + str(text)
