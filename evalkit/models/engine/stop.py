"""Where an answer ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class StopRule:
    """Ends an answer at the model's end tokens or at any of some strings, wherever token borders fall.

    Decoding text at every step of every row would cost more than a small model's step, so tokens are looked
    through once: only a token that can complete a stop string has the row decoded.

    Args:
        tokenizer: A transformers tokenizer.
        stops: Strings that end an answer; they are not part of it.
        end_ids: Tokens that end an answer by themselves.
    """

    def __init__(self, tokenizer: Any, stops: Sequence[str], end_ids: frozenset[int]) -> None:
        self._tokenizer = tokenizer
        self._stops = [stop for stop in stops if stop]
        self._end_ids = end_ids
        self._completing = self._tokens_that_complete()

    def ends(self, tokens: Sequence[int]) -> bool:
        """Whether the answer is over with the last of ``tokens``."""
        if tokens[-1] in self._end_ids:
            return True
        if self._completing is not None and tokens[-1] not in self._completing:
            return False
        text = self._decode(tokens)
        return any(stop in text for stop in self._stops)

    def text(self, tokens: Sequence[int]) -> str:
        """The answer without what ended it and without space around it, which belongs to the chat template."""
        text = self._decode(tokens)
        ends = [position for stop in self._stops if (position := text.find(stop)) >= 0]
        return text[: min(ends, default=len(text))].strip()

    def _tokens_that_complete(self) -> frozenset[int] | None:
        """Ids of tokens with the last character of a stop string in them; None when every token might."""
        last = {stop[-1] for stop in self._stops}
        # Tokenizers that mark spaces drop them from a token that is decoded alone.
        if " " in last:
            return None
        texts = self._tokenizer.batch_decode([[token] for token in range(len(self._tokenizer))])
        # A piece of a character decodes to the replacement character, which may complete anything beyond ASCII.
        marks = last if all(character.isascii() for character in last) else {*last, "\ufffd"}
        return frozenset(token for token, text in enumerate(texts) if not marks.isdisjoint(text))

    def _decode(self, tokens: Sequence[int]) -> str:
        return str(
            self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        )
