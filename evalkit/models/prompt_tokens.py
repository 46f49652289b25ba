"""Tokens of whole prompts and answers, as a local model's chat template writes them, without loading its weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.errors import MissingExtraError, TuningError
from evalkit.models.local import EXTRA
from evalkit.models.local_files import weights_of
from evalkit.optional import require
from evalkit.records.case import Message
from evalkit.suite.models import ModelConfig, TransformersModelConfig
from evalkit.text.token_rate import MESSAGE_TOKENS, REPLY_TOKENS, approximate_tokens

if TYPE_CHECKING:
    from evalkit.models.engine.chat import Chat


class TokenCounter:
    """Counts by a model's own tokenizer and template where they are on this machine, else by characters.

    Args:
        chat: The model's template and tokenizer; None for the rule of thumb of ``text.token_rate``.
    """

    def __init__(self, chat: Chat | None) -> None:
        self._chat = chat

    @property
    def exact(self) -> bool:
        """Whether the model's own tokenizer counts."""
        return self._chat is not None

    def prompts(self, conversations: Sequence[Sequence[Message]]) -> list[float]:
        """Tokens of each prompt, template included."""
        if self._chat is not None:
            return [float(len(tokens)) for tokens in self._chat.prompts(conversations)]
        return [
            REPLY_TOKENS + sum(MESSAGE_TOKENS + approximate_tokens(one.content) for one in messages)
            for messages in conversations
        ]

    def answer(self, prompt: Sequence[Message], text: str) -> float:
        """Tokens of an answer, with the one that ends it."""
        if self._chat is None:
            return approximate_tokens(text) + 1
        try:
            whole = (*prompt, Message(role="assistant", content=text))
            return float(len(self._chat.training(whole)[1]))
        except TuningError:  # its template writes finished conversations in another way
            return float(self._chat.count(text) + 1)


def prompt_token_counter(config: ModelConfig, folder: Path) -> TokenCounter:
    """The counter of a model; it counts by characters for hosted models and without the extra ``local``."""
    weights = weights_of(config, folder)
    if weights is None:
        return TokenCounter(None)
    try:
        require("transformers", EXTRA)
    except MissingExtraError:
        return TokenCounter(None)
    from evalkit.models.engine.chat import Chat
    from evalkit.models.engine.weights import load_tokenizer

    trusted = isinstance(config, TransformersModelConfig) and config.trust_remote_code
    return TokenCounter(Chat(load_tokenizer(weights, trust_remote_code=trusted)))
