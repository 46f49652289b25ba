"""The approximate number of tokens of a text, by script, where the model's tokenizer is not available."""

from __future__ import annotations

import re

_CJK = re.compile(r"[\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")

CHARACTERS_A_TOKEN = {"Latin": 4.0, "CJK": 1.0}
"""Latin: the providers' own rule of thumb for English. CJK: a character a token lies between the tokenizers of 2023
(about 0.8 characters a token for Traditional Chinese) and those of 2025 (about 1.3)."""
MESSAGE_TOKENS = 4
"""What a chat format adds to each message, and ``REPLY_TOKENS`` to the whole prompt, by OpenAI's cookbook."""
REPLY_TOKENS = 3

STATED = (
    f"Tokens of hosted models are a rule of thumb: {CHARACTERS_A_TOKEN['Latin']:g} characters a token, for Chinese, "
    f"Japanese and Korean {CHARACTERS_A_TOKEN['CJK']:g}. The bill may differ by a third."
)


def approximate_tokens(text: str) -> float:
    """The approximate number of tokens of a text, by a rule of thumb that ``STATED`` words.

    >>> approximate_tokens("Right answers"), approximate_tokens("可以續借")
    (3.25, 4.0)
    """
    wide = len(_CJK.findall(text))
    return wide / CHARACTERS_A_TOKEN["CJK"] + (len(text) - wide) / CHARACTERS_A_TOKEN["Latin"]
