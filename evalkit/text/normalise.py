"""Normalised text: two texts that a person would call the same answer become equal, and two numbers never do.

This is rule 3, under which metrics, BM25, leakage checks and the choice of examples read a text. Score rows say which
rule they were made under, since scores of different rules cannot be compared.

- **Width, case, spacing**: as ``fold`` says. Spaces beside Chinese characters and kana do not count.
- **Punctuation** is dropped, as the script of SQuAD does (Rajpurkar et al. 2016), and with it English articles; between
  digits and beside Chinese it separates: ``10-12`` is not 1012. ``A/B`` is not AB.
- **Signs of numbers** stay. A hyphen, minus sign or dash straight before a number is a minus, unless a letter, a
  digit, a closing bracket, a percent or currency sign stands before it (E-1042, 10-12, 5%-10%) or it stands between
  two equal units of Chinese (3天-5天); Chinese before it makes no difference: 結果是-5. With a space after it, it is a
  minus where it begins a text that is nothing but a number, and after ``=``. A plus before a number is dropped.
  Straight before a letter that stands alone, a bracket, a root, ``∞`` or a command of LaTeX it is a minus likewise
  (-x, f(-x), -√2), before a word it is not (the -team).
- **Digits**: decimal points stay, ``.5`` is 0.5; ``1e+5`` is 1e5 and not 1e-5; ``10⁵`` is 10^5; ``1/2`` (``½``) is a
  fraction, but 1/2/2026 is a date and the same as 1-2-2026. Numbers in words, Chinese or English, stay words, and
  digits stay as many as they are: 12.5 is not 12.50, 00049 not 49.
- **Thousands**: commas before every three digits (1,000,000), or as in India (10,00,000), are dropped; others separate.
  In square and curly brackets all separate: [1,100]. Where nothing says that ``10,200`` is one number (a currency sign
  or a decimal point would), metrics take it for one or for two, whichever agrees with the reference: see ``readings``.
- **Currency, percent and comparison signs** beside a number stay, each as a word: $50 is neither €50 nor 50, 50% not
  50, >5 not <5. ``5 €`` is €5. ``$x$`` of LaTeX and ``<b>`` of HTML lose their marks. Between words ``<``, ``>`` and
  ``+`` stay, too.
- **Signs that belong to a word** stay: C++, C#, .NET, A+, 18+; a minus after one or two letters, or a formula's digit
  (A-, Cl-, NO3-, SO4^2-). ``&&`` and ``||`` stay.
- **Brackets** stay round a text that is nothing but an amount, which accountants write for a negative one: (12.00);
  $(5) is ($5).
- **Combining marks** are part of their letter, and a curly apostrophe is a straight one.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Mapping

from evalkit.text.fold import CJK, KANA, Translation, fold

RULE = 3
"""The version of the rule above: raised with any change by which a score may change. Rule 1 was without signs, rule 2
without signs of what is no number."""
RULE_IN_WORDS = (
    "case, width, punctuation, English articles and spaces beside Chinese do not count; signs, decimal points, "
    "exponents and fractions of numbers and currency, percent and comparison signs do; commas that group thousands are "
    "dropped"
)
"""The rule in force, in short, for reports."""

_SPACELESS = CJK + KANA
_IN_WORD = rf"[^\W_{_SPACELESS}]"  # a letter or digit of a script with spaces
_CURRENCY = (
    "$\u00a2-\u00a5\u058f\u060b\u07fe\u07ff\u09f2\u09f3\u09fb\u0af1\u0bf9\u0e3f\u17db\u20a0-\u20cf\ua838"
)
_DASH = "[-\u2013-\u2015]"  # hyphen, en dash, em dash, bar

_KEPT = (
    0xF0000  # signs that stay are moved there, to planes that fold leaves empty, while punctuation is dropped
)
_DROPPED = "\ue002"  # what punctuation becomes until it is known whether it separates
_POINT, _MINUS, _SLASH, _POWER = (chr(_KEPT + ord(sign)) for sign in ".-/^")

_GROUPED = re.compile(
    r"(?<![\d.,])(?!0)(?:\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})+,\d{3})(?!\d)(?!,\d)(?P<point>\.\d)?"
)
_GROUPED_BY_APOSTROPHES = re.compile(r"(?<![\w.'])\d{1,3}(?:'\d{3})+(?![\w'])")
_NUMBERS_IN_BRACKETS = re.compile(r"[\[{][\d\s,.+-]*[\]}]")
_MONEY_AT_END = re.compile(rf"[{_CURRENCY}] ?-?$")

_AMOUNT_IN_BRACKETS = re.compile(
    rf"\(((?:[{_CURRENCY}] ?)?[\d,]*\d\.\d+|[{_CURRENCY}] ?\d[\d,]*)\)|([{_CURRENCY}]) ?\((\d[\d,]*(?:\.\d+)?)\)"
)
_LATEX = re.compile(r"\$(?=\S)(?=[^\s$]*\$|[^$\\^_{}=]*[\\^_{}=])([^$]*)(?<=\S)\$(?!\d)")
_TAG = re.compile(r"<(/?[a-z][\w-]*(?:\s[^<>=]*=[^<>]*)?/?)>")
_BARE_POINT = re.compile(rf"(?<!{_IN_WORD})(?<!\.)\.(?=\d)")
_DECIMAL_POINT = re.compile(r"(?<=\d)\.(?=\d)")
_POINT_BEFORE_WORD = re.compile(rf"(?<!{_IN_WORD})(?<!\.)\.(?=[a-z])")
_TENS = re.compile(rf"(?<!{_IN_WORD})(?<!{_POINT})(\d+(?:{_POINT}\d+)?)e([+-]?)(?=\d)")
_FRACTION = re.compile(rf"(?<![\d/{_POINT}])(\d+)/(?=\d+(?![\d/])(?!{_POINT}\d))")
_POWER_OF_NUMBER = re.compile(r"(?<=[\d)])\^\{?(?=[-\w(])")
_RANGE_OF_UNITS = re.compile(rf"(?<=\d)(?P<unit>[{CJK}]{{1,2}}){_DASH}(?=\d+(?P=unit))")
_DASH_BEFORE_NUMBER = re.compile(rf"{_DASH}(?P<space> ?)(?:(?P<money>[{_CURRENCY}]) ?)?(?=\d)")
_DASH_BEFORE_TERM = re.compile(rf"[-\u2013](?=[(\\\u221a-\u221c\u221e|]|[^\W\d_{_SPACELESS}](?!{_IN_WORD}))")
_ONLY_A_NUMBER = re.compile(rf"{_DASH} (?:[{_CURRENCY}] ?)?\d[\d{_POINT}]*(?: ?[%‰°{_CURRENCY}])?\W?")
_MONEY_FIRST = re.compile(rf"([{_CURRENCY}]) ?(?={_MINUS}?\d)")
_MONEY_LAST = re.compile(rf"(?<![\d{_POINT}])({_MINUS}?\d[\d{_POINT}]*) ?([{_CURRENCY}])(?! ?[\d{_MINUS}])")
_SHARE = re.compile(r"(?<=\d) ?([%‰])")
_COMPARED = re.compile(r"(?<![<>=!-])(?:<=|>=|!=|[<>])(?![<>=-])|[≤≥≠≈]")
_NUMBER_NEXT = re.compile(r" *(?:[\U000f0000-\U0010fffd] *)*\d")
_LOGIC = re.compile(r"(?<![&|])(?:&&|\|\|)(?![&|])")
_PLUS = re.compile(r"(?<=[\w)])\+(?=[\w(])|(?<=[\w)] )\+(?= [\w(])")
_SIGN_OF_WORD = re.compile(
    rf"(?<=[a-z])\+\+|(?<=[a-z])[+#](?![\w+#])|(?<=\d)\+(?![\w+])|(?<!{_IN_WORD})[a-z]{{1,2}}-(?![\w-])"
    rf"|(?<=[a-z){_POWER}]\d)-(?![\w-])"
)
_SLASH_OF_LETTERS = re.compile(r"(?<=[^\W\d_]) ?/ ?(?=\w)|(?<=\w) ?/ ?(?=[^\W\d_])")
_INSIDE_WORD = re.compile(r"(?<=\w)['_](?=\w)")
_DROPPED_RUN = re.compile(f"{_DROPPED}+")
_SEPARATES = re.compile(rf"[{_SPACELESS}]")
_BESIDE_SPACELESS = re.compile(rf"(?<=[{_SPACELESS}])\s+|\s+(?=[{_SPACELESS}])")
_ARTICLES = frozenset(("a", "an", "the"))
_COMPARISON_SIGNS = {"<=": "≤", ">=": "≥", "!=": "≠"}


def normalise(text: str, *, articles: bool = False) -> str:
    """The form in which exact match and token F1 compare answers, by the rule at the top of this module.

    A text that consists of nothing but articles or punctuation is kept as it is, so that the answer ``A`` is
    not the same as no answer.

    Args:
        text: Any text.
        articles: Keep a, an and the.

    >>> normalise("The Eiffel Tower!")
    'eiffel tower'
    >>> normalise("答案是：「重新啟動 VPN」。")
    '答案是重新啟動vpn'
    >>> normalise("1,299.50"), normalise("-5 %"), normalise("結果是－5")
    ('1299.50', '-5 %', '結果是-5')
    """
    return _BESIDE_SPACELESS.sub("", spaced(text, articles=articles))


def spaced(text: str, *, articles: bool = False) -> str:
    """The normalised text before spaces beside Chinese are dropped: the form that is cut into words."""
    folded = fold(text)
    if (amount := _amount_in_brackets(folded)) is not None:
        return f"( {spaced(amount)} )"
    marked = _SLASH_OF_LETTERS.sub(_SLASH, _with_signs_kept(folded)).translate(_PUNCTUATION_DROPPED)
    bare = " ".join(_DROPPED_RUN.sub(_gap, marked).translate(_MOVED_BACK).split())
    without = bare if articles else " ".join(word for word in bare.split() if word not in _ARTICLES)
    return without or bare or folded


def cut_at_punctuation(text: str) -> str:
    """The text by the same rule with a space in place of each sign that does not stay, articles included.

    Apostrophes and low lines inside a word stay, and symbols that are no part of the rule do not.

    >>> cut_at_punctuation("The VPN-Client doesn’t start: 1,000 users, -5 °C")
    "the vpn client doesn't start 1000 users -5 c"
    """
    folded = fold(text)
    if (amount := _amount_in_brackets(folded)) is not None:
        return f"( {cut_at_punctuation(amount)} )"
    marked = _INSIDE_WORD.sub(lambda sign: _kept(sign[0]), _with_signs_kept(folded))
    return " ".join(marked.translate(_SIGNS_TO_SPACES).translate(_MOVED_BACK).split())


def readings(text: str) -> tuple[str, ...]:
    """The text, folded; and, where a comma may separate two numbers or group the digits of one, as the former, too.

    >>> readings("10,200 or $10,200"), readings("1,2")
    (('10,200 or $10,200', '10, 200 or $10,200'), ('1,2',))
    """
    folded = fold(text)
    listed = _GROUPED.sub(_as_list, folded)
    return (folded,) if listed == folded else (folded, listed)


def _as_list(number: re.Match[str]) -> str:
    return number[0] if _surely_one(number) else number[0].replace(",", ", ")


def _surely_one(number: re.Match[str]) -> bool:
    """Whether a decimal point or a currency sign says that the digits are one number."""
    before = number.string[max(0, number.start() - 3) : number.start()]
    return number["point"] is not None or _MONEY_AT_END.search(before) is not None


def _amount_in_brackets(folded: str) -> str | None:
    """The amount of a text that is nothing but an amount in brackets, ($5) or $(5); else None."""
    found = _AMOUNT_IN_BRACKETS.fullmatch(folded)
    return None if found is None else found[1] or f"{found[2]}{found[3]}"


def _with_signs_kept(folded: str) -> str:
    """The text without commas of thousands, with all signs that the rule keeps moved out of the way."""
    text = _NUMBERS_IN_BRACKETS.sub(lambda numbers: numbers[0].replace(",", ", "), folded)
    text = _GROUPED.sub(lambda number: number[0].replace(",", ""), text)
    text = _GROUPED_BY_APOSTROPHES.sub(lambda number: number[0].replace("'", ""), text)
    for pattern, replacement in _SIGNS:
        text = pattern.sub(replacement, text)
    return text


def _kept(signs: str) -> str:
    return "".join(chr(_KEPT + ord(sign)) for sign in signs)


def _minus(dash: re.Match[str]) -> str:
    """The minus that a dash before a number is, the currency sign in front of it; else the dash."""
    text, at = dash.string, dash.start()
    if dash["space"]:
        is_minus = text.endswith(("=", "= "), 0, at) or (
            at == 0 and _ONLY_A_NUMBER.fullmatch(text) is not None
        )
    else:
        is_minus = at == 0 or not _binds(text, at - 1)
    money = dash["money"]
    if not is_minus:
        return _DROPPED + dash["space"] + (money or "")
    return f"{money or ''}{_MINUS}" if text[at - 1 : at] == _POWER else f" {money or ''}{_MINUS}"


def _minus_of_term(dash: re.Match[str]) -> str:
    """The minus that a dash straight before a term is, which is no number; else the dash."""
    text, at = dash.string, dash.start()
    return f" {_MINUS}" if at == 0 or not _binds(text, at - 1) else _DROPPED


def _binds(text: str, at: int) -> bool:
    """Whether a character before a dash makes it a hyphen, or the dash of a range."""
    character = text[at]
    if re.match(rf"[{_CURRENCY}]", character):
        return at > 0 and (
            text[at - 1].isdigit() or (text[at - 1 : at] == " " and text[at - 2 : at - 1].isdigit())
        )
    if character in ").]%‰°":
        return True
    if _SEPARATES.match(character) or character == "_":
        return False
    return character.isalnum() or unicodedata.category(character).startswith("M")


def _compared(sign: re.Match[str]) -> str:
    """A comparison sign as a word where it stands before a number or between two words, or could be nothing else."""
    text, start, end = sign.string, sign.start(), sign.end()
    written = _COMPARISON_SIGNS.get(sign[0], sign[0])
    before, after = text[max(0, start - 2) : start].rstrip()[-1:], text[end : end + 2].lstrip()[:1]
    between_words = before.isalnum() and after.isalnum()
    if written in "<>" and not between_words and not _NUMBER_NEXT.match(text, end):
        return _DROPPED
    return f" {_kept(written)} "


def _gap(run: re.Match[str]) -> str:
    """A space where dropped punctuation separates: beside Chinese, and between digits."""
    text, start, end = run.string, run.start(), run.end()
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    splits = _SEPARATES.match(before) or _SEPARATES.match(after) or (before.isdigit() and after.isdigit())
    return " " if splits else ""


_SIGNS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (_LATEX, rf"{_DROPPED}\1{_DROPPED}"),
    (_TAG, rf"{_DROPPED}\1{_DROPPED}"),
    (_BARE_POINT, f"0{_POINT}"),
    (_DECIMAL_POINT, _POINT),
    (_POINT_BEFORE_WORD, _POINT),
    (_TENS, lambda number: f"{number[1]}e{_MINUS if number[2] == '-' else ''}"),
    (_FRACTION, rf"\1{_SLASH}"),
    (_POWER_OF_NUMBER, _POWER),
    (_RANGE_OF_UNITS, rf"\g<unit>{_DROPPED}"),
    (_DASH_BEFORE_NUMBER, _minus),
    (_DASH_BEFORE_TERM, _minus_of_term),
    (_MONEY_FIRST, lambda amount: f" {_kept(amount[1])} "),
    (_MONEY_LAST, lambda amount: f" {_kept(amount[2])} {amount[1]}"),
    (_SHARE, lambda sign: f" {_kept(sign[1])} "),
    (_COMPARED, _compared),
    (_LOGIC, lambda sign: f" {_kept(sign[0])} "),
    (_PLUS, f" {chr(_KEPT + ord('+'))} "),
    (_SIGN_OF_WORD, lambda word: word[0][:-1].rstrip("+-") + _kept(word[0][len(word[0].rstrip("+#-")) :])),
)
"""In this order: each finds what those before it left."""


class _Signs(Translation):
    """What becomes of each character of some categories; white space and signs that were moved stay."""

    def __init__(self, categories: tuple[str, ...], to: str, also: Mapping[str, str]) -> None:
        super().__init__({ord(character): becomes for character, becomes in also.items()})
        self._categories = categories
        self._to = to

    def _of(self, character: str) -> str:
        meant = unicodedata.category(character).startswith(self._categories) and not character.isspace()
        return self._to if meant else character


class _MovedBack(Translation):
    """Signs that were moved, at their own place again."""

    def _of(self, character: str) -> str:
        return character if ord(character) < _KEPT else chr(ord(character) - _KEPT)


_PUNCTUATION_DROPPED = _Signs(
    ("P", "Sc"), _DROPPED, {**dict.fromkeys(string.punctuation, _DROPPED), "=": " ", "|": " "}
)
_SIGNS_TO_SPACES = _Signs(("P", "S"), " ", {_DROPPED: " "})
_MOVED_BACK = _MovedBack()
