"""From messages to tokens, by the tokenizer's chat template.

Special tokens come from the template alone: a text that spells one (``<eos>``) is encoded as its letters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError
from jinja2.exceptions import SecurityError

from evalkit.errors import InputError, TuningError
from evalkit.models.engine.quiet import first_line, unusable
from evalkit.models.engine.template_limits import TEMPLATE_LIMIT_S, OutOfTimeError, at_most, takes_powers
from evalkit.records.case import Message
from evalkit.text.thoughts import ends_in_thought

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

_MEND = "Mend the template (chat_template.jinja or tokenizer_config.json), or use another model"
_UNSEEN = "@@the last message@@"
_PRIVATE_USE = range(0xE000, 0xF900)


@dataclass(frozen=True, slots=True)
class _Marked:
    """Messages with a mark where their text spells a special token, so that a template can be written around them.

    Attributes:
        mark: Stands before and after the place in ``spelled``; a character that no message has.
        spelled: What the marks stand for.
    """

    messages: Sequence[Message]
    mark: str = ""
    spelled: tuple[str, ...] = ()

    def restore(self, text: str) -> str:
        """A piece of the written conversation with its letters back."""
        return re.sub(f"{self.mark}(\\d+){self.mark}", lambda found: self.spelled[int(found[1])], text)


class Chat:
    """The chat template of one tokenizer.

    Args:
        tokenizer: A transformers tokenizer; ``PLAIN_TEMPLATE`` is used when it has no template.
        limit_s: Seconds after which writing one conversation is broken off.

    Raises:
        InputError: The template raises numbers to powers: one step of a program that may take hours.
    """

    def __init__(self, tokenizer: Any, limit_s: float = TEMPLATE_LIMIT_S) -> None:
        self._tokenizer = tokenizer
        self._limit_s = limit_s
        if takes_powers(str(tokenizer.chat_template or "")):
            raise InputError(
                "the model's chat template raises numbers to powers (`**`), which is not done here: it may take hours. "
                f"{_MEND}."
            )
        self._template = None if tokenizer.chat_template else PLAIN_TEMPLATE
        added = tokenizer.added_tokens_decoder.values()
        self._special = {token.content: token for token in added if token.special and token.content}
        longest_first = sorted(self._special, key=len, reverse=True)
        self._spelling = re.compile(
            f"({'|'.join(map(re.escape, longest_first))})" if longest_first else "(?!)()"
        )

    @property
    def opens_thought(self) -> bool:
        """Whether the template begins a think block for the model, so that what it writes starts inside one."""
        try:
            return ends_in_thought(self._render([Message(role="user", content=_UNSEEN)], answering=True))
        except InputError:  # it takes no lone question
            return False

    def prompts(self, conversations: Sequence[Sequence[Message]]) -> list[list[int]]:
        """Tokens of each conversation, up to where the model's answer begins.

        Raises:
            InputError: The template refuses the conversation (some know no system text).
        """
        marked = [self._mark(messages) for messages in conversations]
        written = [self._render(each.messages, answering=True) for each in marked]
        if not any(each.spelled for each in marked):
            return self._tokens(written)
        return [self._encode(text, each) for text, each in zip(written, marked, strict=True)]

    def beginning(self, messages: Sequence[Message], role: str) -> list[int]:
        """Tokens of all that the template writes before the content of a further message by ``role``.

        The last few tokens may come out otherwise once that content follows: compare with the whole prompt.
        """
        marked = self._mark(messages)
        last = Message(role=role, content=_UNSEEN)  # type: ignore[arg-type]
        text, written, _ = self._render([*marked.messages, last], answering=True).partition(_UNSEEN)
        return self._encode(text, marked) if written else []

    def training(self, messages: Sequence[Message]) -> tuple[list[int], list[int]]:
        """Tokens of the prompt, and of the answer with all that the template writes behind it.

        Args:
            messages: The last one is the assistant's.

        Raises:
            TuningError: The template does not write the answer behind the prompt that a model is given.
        """
        marked = self._mark(messages)
        prompt = self._render(marked.messages[:-1], answering=True)
        whole = self._render(marked.messages, answering=False)
        if not whole.startswith(prompt):
            raise TuningError(
                "the chat template of the base model writes a finished conversation otherwise than the prompt it "
                "answers, so the loss cannot be put on the answer alone; give the tokenizer a template that does not"
            )
        return self._encode(prompt, marked), self._encode(whole[len(prompt) :], marked)

    def count(self, text: str) -> int:
        """Tokens of plain text, without special tokens."""
        return len(self._letters(text))

    def spells_special(self, text: str) -> bool:
        """Whether a text spells a special token of this model."""
        return self._spelling.search(text) is not None

    def _render(self, messages: Sequence[Message], *, answering: bool) -> str:
        turns = [{"role": message.role, "content": message.content} for message in messages]
        roles = ", ".join(message.role for message in messages)
        # A template is a stranger's program, which may divide by zero.
        with unusable(
            f"the model's chat template cannot be used for a conversation with the roles {roles}. {_MEND}.",
            library="Jinja",
        ):
            try:
                with at_most(self._limit_s):
                    written = str(
                        self._tokenizer.apply_chat_template(
                            turns,
                            chat_template=self._template,
                            tokenize=False,
                            add_generation_prompt=answering,
                        )
                    )
                written.encode()
            except OutOfTimeError:
                raise InputError(
                    f"the model's chat template takes more than {self._limit_s:g} seconds to write a conversation with "
                    f"the roles {roles}, so it was broken off. {_MEND}."
                ) from None
            except (TemplateSyntaxError, SecurityError):
                raise
            except TemplateError as error:
                raise InputError(
                    f"the model's chat template refuses a conversation with the roles {roles}: "
                    f"{first_line(error).removesuffix('.')}. Move the system text into the user text, or use a model "
                    "whose template takes it."
                ) from error
        return written

    def _mark(self, messages: Sequence[Message]) -> _Marked:
        if not any(self._spelling.search(message.content) for message in messages):
            return _Marked(messages)
        text = "".join(message.content for message in messages)
        mark = next(character for code in _PRIVATE_USE if (character := chr(code)) not in text)
        spelled: list[str] = []

        def note(found: re.Match[str]) -> str:
            spelled.append(found[0])
            return f"{mark}{len(spelled) - 1}{mark}"

        marked = [
            Message(role=message.role, content=self._spelling.sub(note, message.content))
            for message in messages
        ]
        return _Marked(marked, mark, tuple(spelled))

    def _encode(self, text: str, marked: _Marked) -> list[int]:
        """Tokens of a written conversation: special ones where the template spells them, letters in the messages."""
        if not marked.spelled:
            return self._tokens([text])[0]
        pieces = self._spelling.split(text)  # text and special tokens in turn
        ids: list[int] = []
        for index, piece in enumerate(pieces):
            if index % 2:
                ids.append(self._tokenizer.convert_tokens_to_ids(piece))
                continue
            if index and self._special[pieces[index - 1]].rstrip:
                piece = piece.lstrip()
            if index + 1 < len(pieces) and self._special[pieces[index + 1]].lstrip:
                piece = piece.rstrip()
            ids += self._letters(marked.restore(piece)) if piece else []
        return ids

    def _letters(self, text: str) -> list[int]:
        if not self.spells_special(text):
            return self._tokens([text])[0]
        encoded = self._tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)
        return list(encoded["input_ids"])

    def _tokens(self, texts: list[str]) -> list[list[int]]:
        # The template writes the special tokens itself.
        encoded = self._tokenizer(texts, add_special_tokens=False, verbose=False)
        return [list(ids) for ids in encoded["input_ids"]]
