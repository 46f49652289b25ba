"""Signs of personal data in a text: e-mail addresses, phone numbers, payment cards."""

from __future__ import annotations

import re

from evalkit.text.fold import fold

_EMAIL = re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}")
_CARD = re.compile(r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d-])", re.ASCII)
_PHONE = re.compile(
    r"(?<![\w.-])(?<!\d )(?:"
    r"\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}"  # +886 2 2345 6789, +1 (555) 123-4567
    r"|\(\d{2,4}\)[ ]?\d{3,4}[ .-]?\d{3,4}"  # (02) 2345-6789
    r"|\d{2,4}[ -]\d{3,4}[ -]\d{3,4}"  # 555-123-4567
    r"|09\d{8}|1[3-9]\d{9}"  # mobile numbers of Taiwan and of mainland China
    r")(?![\w-])(?! \d)",
    re.ASCII,  # a Chinese character beside a number does not belong to it
)
_FEWEST_PHONE_DIGITS = 8


def holds_personal_data(text: str) -> bool:
    """Whether a pattern of personal data is in ``text``: a hint that somebody should look, not a proof.

    >>> holds_personal_data("write to ann@example.com")
    True
    >>> holds_personal_data("order 2024-01-05, build 192.168.100.200")
    False
    """
    text = fold(text)
    return bool(
        ("@" in text and _EMAIL.search(text))
        or any(_is_card(match[0]) for match in _CARD.finditer(text))
        or any(sum(map(str.isdigit, match[0])) >= _FEWEST_PHONE_DIGITS for match in _PHONE.finditer(text))
    )


def _is_card(number: str) -> bool:
    """Whether the check digit is right (Luhn, ISO/IEC 7812-1)."""
    digits = [int(character) for character in number if character.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
