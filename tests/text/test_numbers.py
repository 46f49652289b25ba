"""Numbers in eight scripts and two languages: a number keeps its value, and two values never become equal."""

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.metrics.contains import Contains
from evalkit.metrics.exact_match import ExactMatch
from evalkit.metrics.rouge_l import RougeL
from evalkit.metrics.token_f1 import TokenF1
from evalkit.records.case import Case
from evalkit.records.sample import Sample, Status
from evalkit.text.chinese import cut_chinese
from evalkit.text.fold import fold
from evalkit.text.normalise import cut_at_punctuation, normalise, readings
from evalkit.text.sentences import sentences
from evalkit.text.words import answer_words, words

ZEROS = {  # the digit 0 of each script; Chinese numerals are words and stay words
    "ASCII": "0",
    "full width": "０",
    "Arabic-Indic": "٠",
    "Extended Arabic-Indic": "۰",
    "Devanagari": "०",
    "Bengali": "০",
    "Thai": "๐",
    "mathematical bold": "𝟎",
}
MINUSES = "-\u2212\u2010\u2011\u2012\u2013\u2014\uff0d\ufe63"
AROUND = [
    "{}",
    "the answer is {}.",
    "結果是{}",
    "溫度{}度",
    "（{}）",
    "**{}**",
    "x = {}",
    "答案：{}。",
    "_{}_",
    "“{}”",
    "是{}，對",
]


def in_script(text, script):
    zero = ord(ZEROS[script])
    return "".join(chr(zero + int(letter)) if letter.isdigit() else letter for letter in text)


@st.composite
def numbers(draw):
    """A number without leading or trailing zeros, so that text and value correspond: 12, -0.5, 1e-7."""
    value = draw(st.integers(0, 10**9))
    places = draw(st.integers(0, 4))
    text = format(Decimal(value).scaleb(-places).normalize(), "f")
    exponent = draw(st.one_of(st.none(), st.integers(-30, 30)))
    sign = "-" if value and draw(st.booleans()) else ""
    return sign + text + ("" if exponent is None or not value else f"e{exponent}")


SCRIPTS = st.sampled_from(sorted(ZEROS))
PLACES = st.sampled_from(AROUND)


@given(number=numbers(), script=SCRIPTS, minus=st.sampled_from(MINUSES), around=PLACES)
def test_a_number_keeps_its_value(number, script, minus, around):
    """Whatever its digits, its minus sign and the text around it."""
    written = in_script(number, script)
    if written.startswith("-"):
        written = minus + written[1:]
    assert number in words(around.format(written))
    assert number in answer_words(around.format(written))
    assert normalise(around.format(written)) == normalise(around.format(number))


@given(one=numbers(), other=numbers(), scripts=st.tuples(SCRIPTS, SCRIPTS), around=PLACES)
def test_two_values_never_become_equal(one, other, scripts, around):
    """Nor is either found in the other, unless they are one number."""
    texts = [
        around.format(in_script(number, script)) for number, script in zip((one, other), scripts, strict=True)
    ]
    assert (normalise(texts[0]) == normalise(texts[1])) == (one == other)
    assert (words(texts[0]) == words(texts[1])) == (one == other)
    assert (answer_words(texts[0]) == answer_words(texts[1])) == (one == other)
    assert bool(score(Contains(), texts[0], other)) == (one == other)


@given(value=st.integers(1, 10**13), script=SCRIPTS, around=PLACES)
def test_thousands_may_be_grouped(value, script, around):
    """By commas, by narrow spaces and, between full-width digits, by full-width commas; never in brackets."""
    plain, grouped = around.format(value), around.format(in_script(f"{value:,}", script))
    assert normalise(grouped) == normalise(plain)
    assert normalise(grouped.replace(",", "\u202f")) == normalise(plain)
    assert (normalise(f"[{value:,}]") == normalise(str(value))) == (value < 1000)


@given(values=st.lists(st.integers(0, 999), min_size=2, max_size=6), around=PLACES)
def test_a_list_is_a_list_with_and_without_spaces(values, around):
    """Every metric that compares with a reference reads it so."""
    spaced, close = (around.format(mark.join(map(str, values))) for mark in (", ", ","))
    for metric in (ExactMatch(), TokenF1(), Contains(), RougeL()):
        assert score(metric, close, spaced) == score(metric, spaced, close) == 1.0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *[
            ("$50", "€50"),
            ("$50", "50"),
            ("50%", "50"),
            (">5", "<5"),
            ("≥5", ">5"),
            ("C++", "C"),
            ("C#", "C"),
        ],
        *[("A/B", "AB"), ("是/否", "是否"), ("A+", "A-"), ("O-", "O+"), (".NET", "net"), ("18+", "18")],
        *[("10⁵", "105"), ("10⁻⁵", "10⁵"), ("1½", "11/2"), ("101₂", "1012"), ("5①", "51"), ("3/4", "3-4")],
        *[
            ("2x+3", "2x-3"),
            ("3+4", "34"),
            ("(12.00)", "12.00"),
            ("- 5", "5"),
            ("5,-3", "5-3"),
            ("x<y", "x>y"),
        ],
        *[
            ("10^-5", "10^5"),
            ("共100，200人", "共100200人"),
            ("一百", "100"),
            ("कि", "की"),
            ("1/2", "12"),
            ("±5", "5"),
        ],
        *[("-x", "x"), ("y=-x", "y=x"), ("e^{-x}", "e^{x}"), ("f(-x)", "f(x)"), ("-\u221e", "\u221e")],
        *[(r"-\frac{1}{2}", r"\frac{1}{2}"), ("-(x+1)", "(x+1)"), ("-\u221a2", "\u221a2"), ("$-i$", "$i$")],
        *[("SO4²⁻", "SO4²⁺"), ("SO₄²⁻", "SO₄²⁺"), ("NO3-", "NO3+"), ("x₁²", "x12"), ("$(5)", "$5")],
        *[("p && q", "p || q"), ("p||q", "pq")],
    ],
)
def test_what_a_sign_tells_apart_stays_apart(one, other):
    """In the form of exact match, and where words are counted."""
    assert normalise(one) != normalise(other)
    assert answer_words(one) != answer_words(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *[("$ 50", "$50"), ("50 €", "€50"), ("-$5", "$-5"), ("50 %", "50%"), (">= 5", "≥5"), ("≦5", "<=5")],
        *[("+5", "5"), ("1e+5", "1E5"), ("½", "1/2"), ("10^5", "10⁵"), ("10^{-5}", "10⁻⁵"), ("$5$", "5")],
        *[("1/2/2026", "1-2-2026"), ("12,34,567", "1234567"), ("1'000'000", "1000000")],
        *[("10月-12月", "10月–12月"), ("don’t", "don't"), ("donʼt", "don´t"), ("-> 5", "5")],
        *[("スーパー マリオ", "スーパーマリオ"), ("－５℃", "-5°C")],
        *[("−x", "$-x$"), ("e^{-x}", "e^-x"), ("SO₄²⁻", "SO4^{2-}"), ("NO₃⁻", "NO3-"), ("$(5)", "($5)")],
        *[("the -team", "team"), ("x-y", "xy"), ("- B", "B")],
    ],
)
def test_what_is_only_written_in_another_way_is_equal(one, other):
    """Spacing, order and spelling of the same signs."""
    assert normalise(one) == normalise(other)


@given(st.text(st.sampled_from("0123456789.,-+/^e$€%<>()[]{}'’ ab中是½²⁵①－，。")))
def test_a_folded_text_is_normalised_like_the_text(text):
    """So that readings, which are folded, can be normalised in place of the text."""
    assert fold(fold(text)) == fold(text)
    assert normalise(readings(text)[0]) == normalise(text)


HOSTILE = [*"!.-,$<(1 a'中錻あ่½²≤≥①\u0301\u0f73\u00b4", "1,", "- 1", "$=", "<a ", "a-", "..)", "^{", "。」"]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_long_run_takes_time_in_proportion(piece):
    """64,000 characters take no more than some five times what 16,000 take: processor time, best of three."""
    cut_chinese("中文")  # loads the dictionary
    for function in (normalise, cut_at_punctuation, readings, sentences):
        short, long = (
            min(_seconds(function, piece, length) for _ in range(3)) for length in (16_000, 64_000)
        )
        assert long <= 5 * short + 0.05, function.__name__


def _seconds(function, piece, length):
    text = piece * (length // len(piece))
    began = time.process_time()
    function(text)
    return time.process_time() - began


def test_a_long_run_of_unknown_chinese_words_is_cut_in_proportion():
    """jieba alone takes the square: 64,000 unknown characters took a minute."""
    cut_chinese("中文")
    short, long = (min(_seconds(cut_chinese, "錻", length) for _ in range(2)) for length in (4_000, 16_000))
    assert long <= 5 * short + 0.05


@pytest.mark.parametrize(
    ("output", "reference", "holds"),
    [
        *[
            ("十五", "五", 0),
            ("五個", "五", 1),
            ("三點五", "三", 0),
            ("三點鐘", "三", 1),
            ("星期三十點", "星期三", 1),
        ],
        *[("0x10", "10", 0), ("100x10", "10", 1), ("f(-x) = x", "f(-x)", 1), ("x−5", "-5", 0)],
        *[("ไม่", "ไม", 0), ("कि", "क", 0), ("e\u0358", "e", 0), ("كتابٌ", "كتاب", 1), ("SO₄²⁺", "SO₄²⁻", 0)],
    ],
)
def test_a_value_is_not_cut_out_of_another_one(output, reference, holds):
    """Numbers in Chinese or of another base, and letters with their marks; vowel points of Arabic may be left out."""
    assert score(Contains(), output, reference) == holds


def score(metric, output, reference):
    case = Case(id="c", input="q", reference=(reference,), cluster="c")
    sample = Sample(
        case_id="c", arm="a", status=Status.OK, prompt_digest="", request_digest="", output=output
    )
    return metric.score(case, sample).value
