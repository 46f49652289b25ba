"""From messages to tokens, by the tokenizer's chat template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError

from evalkit.errors import InputError, TuningError
from evalkit.records.case import Message

PLAIN_TEMPLATE = """\
{{- bos_token -}}
{%- for message in messages -%}
{%- if message.role == 'system' -%}{{ message.content + '\n' }}
{%- elif message.role == 'user' -%}{{ message.content + '\nAnswer:' }}
{%- else -%}{{ ' ' + message.content + '\n' }}
{%- endif -%}
{%- endfor -%}
"""
"""For models without a template: base models continue text in which answers follow a cue."""

_UNSEEN = "@@the last message@@"


class Chat:
    """The chat template of one tokenizer.

    Args:
        tokenizer: A transformers tokenizer; ``PLAIN_TEMPLATE`` is used when it has no template.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._template = None if tokenizer.chat_template else PLAIN_TEMPLATE

    def prompts(self, conversations: Sequence[Sequence[Message]]) -> list[list[int]]:
        """Tokens of each conversation, up to where the model's answer begins.

        Raises:
            InputError: The template refuses the conversation (some know no system text).
        """
        return self._tokens([self._render(messages, answering=True) for messages in conversations])

    def beginning(self, messages: Sequence[Message], role: str) -> list[int]:
        """Tokens of all that the template writes before the content of a further message by ``role``.

        The last few tokens may come out otherwise once that content follows: compare with the whole prompt.
        """
        last = Message(role=role, content=_UNSEEN)  # type: ignore[arg-type]
        text, written, _ = self._render([*messages, last], answering=True).partition(_UNSEEN)
        return self._tokens([text])[0] if written else []

    def training(self, messages: Sequence[Message]) -> tuple[list[int], list[int]]:
        """Tokens of the prompt, and of the answer as the template writes it, up to and with its end.

        Args:
            messages: The last one is the assistant's.

        Raises:
            TuningError: The template does not write the answer behind the prompt that a model is given.
        """
        prompt = self._render(messages[:-1], answering=True)
        whole = self._render(messages, answering=False)
        if not whole.startswith(prompt):
            raise TuningError(
                "the chat template of the base model writes a finished conversation otherwise than the prompt it "
                "answers, so the loss cannot be put on the answer alone; give the tokenizer a template that does not"
            )
        prompt_ids, answer_ids = self._tokens([prompt, whole[len(prompt) :]])
        return prompt_ids, answer_ids

    def count(self, text: str) -> int:
        """Tokens of plain text, without special tokens."""
        return len(self._tokens([text])[0])

    def _render(self, messages: Sequence[Message], *, answering: bool) -> str:
        turns = [{"role": message.role, "content": message.content} for message in messages]
        try:
            return str(
                self._tokenizer.apply_chat_template(
                    turns,
                    chat_template=self._template,
                    tokenize=False,
                    add_generation_prompt=answering,
                )
            )
        except TemplateError as error:
            roles = ", ".join(message.role for message in messages)
            raise InputError(
                f"the model's chat template refuses a conversation with the roles {roles}: {error}. "
                "Move the system text into the user text, or use a model whose template takes it."
            ) from error

    def _tokens(self, texts: list[str]) -> list[list[int]]:
        # The template writes the special tokens itself.
        encoded = self._tokenizer(texts, add_special_tokens=False, verbose=False)
        return [list(ids) for ids in encoded["input_ids"]]
