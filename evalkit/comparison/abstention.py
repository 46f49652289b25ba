"""Answers that are none: empty, filtered, or a refusal in so many words."""

from __future__ import annotations

import re
import unicodedata

from evalkit.records.sample import FinishReason

# Only openings count, and only in short answers: a long answer that begins with an apology and then answers is
# an answer. Curly apostrophes are folded before the search.
_OPENINGS = re.compile(
    r"""(
      (i'?m|i\ am|we'?re)\ (very\ |really\ )?(sorry|afraid|unable)
    | (i|we)\ (can'?t|can\ ?not|could\ ?n'?t|am\ not\ able|won'?t|do\ not|don'?t)\ (
          \w+\ )?(answer|help|assist|comply|provide|know|have\ (enough\ )?information|find|say|tell|fulfil)
    | (sorry|apologies)\b
    | as\ an\ ai\b
    | (it\ is\ )?(unknown|not\ (known|given|stated|mentioned|specified|enough\ information))\W*$
    | n/a\W*$
    | (there\ is\ )?(no|insufficient)\ information\b
    | (很|非常|十分)?抱歉 | [对對]不起 | 不好意思 | 我(不知道|不清楚|不能|[无無]法) | [无無]法(回答|提供)
    | (不知道|不清楚)\W*$ | ([^，。]{0,12}中)?[没沒]有((足[够夠]|相[关關])?的?(信息|[资資][讯訊料])|相[关關]的?[规規]定)
    )""",
    re.VERBOSE,
)
_LONGEST_REFUSAL = 300  # characters


def is_abstention(output: str, finish_reason: FinishReason | None = None) -> bool:
    """Whether an arm declined to answer: neither right nor wrong where wrong answers cost money.

    A rule of thumb on the words with which English and Chinese refusals open; broken JSON or a wrong answer is
    not an abstention.

    Args:
        output: What the arm wrote.
        finish_reason: ``content_filter`` counts whatever was written before the filter cut in.

    >>> is_abstention("  "), is_abstention("I'm sorry, I can't help with that."), is_abstention("Paris")
    (True, True, False)
    """
    if finish_reason == "content_filter":
        return True
    text = unicodedata.normalize("NFKC", output).strip().strip("\"'`*").casefold().replace("’", "'")
    if not text:
        return True
    return len(text) <= _LONGEST_REFUSAL and _OPENINGS.match(text) is not None
