"""What each metric calls right, in English and in Chinese."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score import rouge_scorer

from evalkit.metrics.contains import Contains
from evalkit.metrics.exact_match import ExactMatch
from evalkit.metrics.json_schema import JsonSchema
from evalkit.metrics.regex import Regex
from evalkit.metrics.rouge_l import RougeL
from evalkit.metrics.token_f1 import TokenF1
from evalkit.records.case import Case
from evalkit.records.sample import Sample, Status
from evalkit.text.words import words

SCHEMA = {
    "type": "object",
    "properties": {"cause": {"type": "string"}, "steps": {"$ref": "#/$defs/steps"}},
    "required": ["cause"],
    "additionalProperties": False,
    "$defs": {"steps": {"type": "array", "items": {"type": "integer"}}},
}
ALL = [
    ExactMatch(),
    ExactMatch(extract="^Answer: (.*)$"),
    TokenF1(),
    Contains(),
    Contains(value=["a", "b"], mode="all"),
    Regex(pattern="^Cause: .+ Fix: .+$"),
    JsonSchema(schema=SCHEMA),
    RougeL(),
]


def score(metric, output, *reference):
    case = Case(id="c", input="q", reference=reference, cluster="c")
    sample = Sample(
        case_id="c", arm="a", status=Status.OK, prompt_digest="", request_digest="", output=output
    )
    return metric.score(case, sample)


@pytest.mark.parametrize(
    ("output", "reference", "value"),
    [
        (" The reset.\n", ["Reset"], 1),
        ("錯誤代碼：Ｅ－１０４２。", ["錯誤代碼 E-1042"], 1),
        ("two", ["one", "two"], 1),
        ("3.5", ["35"], 0),
        ("", ["x"], 0),
        ("I cannot help with that.", ["x"], 0),
    ],
)
def test_exact_match_takes_any_accepted_answer_in_any_usual_form(output, reference, value):
    """Empty answers and refusals are wrong, not missing."""
    found = score(ExactMatch(), output, *reference)
    assert found.value == value
    assert found.reason is None


def test_exact_match_can_be_strict_about_form():
    """Then only outer white space is ignored."""
    assert score(ExactMatch(normalise=False), " Reset\n", "Reset").value == 1
    assert score(ExactMatch(normalise=False), "reset", "Reset").value == 0


@pytest.mark.parametrize(
    ("pattern", "output", "value"),
    [
        (r"^Answer: (.*)$", "Let me think.\nAnswer: 42\nDone.", 1),
        (r"\d+", "it is 42, not 43", 1),
        (r"^(.*)$", "42\nbecause", 1),
        (r"^Answer: (.*)$", "42", 0),
        (r"答案：(\S+)", "答案：42", 1),
        (r"(x)?42", "42", 0),
    ],
)
def test_exact_match_extracts_the_answer_from_the_output(pattern, output, value):
    """Group 1, else the whole match; lines have their own ends; without a match the answer is wrong."""
    assert score(ExactMatch(extract=pattern), output, "42").value == value


def test_an_answer_that_was_not_found_is_not_equal_to_an_empty_reference():
    """The form was asked for, and it was not there."""
    found = score(ExactMatch(extract="^Answer: (.*)$"), "nothing", "")
    assert found.value == 0
    assert "finds no answer" in found.explanation


def test_token_f1_is_that_of_squad():
    """Hand-sized: 2 shared words of 3 and 4 give 4/7; the best accepted answer counts."""
    assert score(TokenF1(), "reset the router twice now", "reset router firmware").value == 4 / 7
    assert score(TokenF1(), "reset", "other", "Reset!").value == 1
    assert score(TokenF1(), "", "x").value == 0
    assert score(TokenF1(), "x x", "x").value == 2 / 3


def test_token_f1_cuts_chinese_into_words():
    """重置 and 密码 are shared, 账户 is not."""
    assert score(TokenF1(), "重置密码", "重置账户密码").value == 0.8
    assert score(TokenF1(), "重置。密码！", "重置，密码").value == 1


@pytest.mark.parametrize(
    ("output", "options", "reference", "value"),
    [
        ("Please RESET it.", {}, ["reset"], 1),
        ("請先重新啟動，再登入。", {}, ["重新啟動"], 1),
        ("a b", {}, ["x", "b"], 1),
        ("a b", {"mode": "all"}, ["x", "b"], 0),
        ("it took 112 s", {}, ["12"], 0),
        ("it took 12.5 s", {}, ["12"], 0),
        ("it took 12 s.", {}, ["12"], 1),
        ("The answer is A.", {}, ["a"], 1),
        ("Reset", {"normalise": False}, ["reset"], 0),
        ("cites [1] and [2]", {"value": ["[1]", "[2]"], "mode": "all", "normalise": False}, [], 1),
        ("", {}, ["x"], 0),
    ],
)
def test_contains_finds_a_text_in_the_answer(output, options, reference, value):
    """The reference by default; a number is not found inside another."""
    assert score(Contains(**options), output, *reference).value == value


def test_regex_checks_the_form_without_a_reference():
    """Outer white space does not count; `full` wants all of the output to match."""
    house = Regex(pattern="^Cause: .+ Fix: .+$")
    assert score(house, " Cause: a Fix: b\n").value == 1
    assert score(house, "Cause: a\nFix: b").value == 0
    assert score(Regex(pattern="yes|no"), "yes, sure").value == 1
    assert score(Regex(pattern="yes|no", match="full"), "yes, sure").value == 0
    assert score(Regex(pattern="^原因：.+修正：.+"), "原因：甲 修正：乙").value == 1


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ('{"cause": "電源", "steps": [1, 2]}', 1),
        (' {"cause": "x"}\n', 1),
        ('{"cause": "x", "more": 1}', 0),
        ('{"cause": "x", "steps": ["1"]}', 0),
        ('{"cause": NaN}', 0),
        ('```json\n{"cause": "x"}\n```', 0),
        ('{"cause": "x"', 0),
        ("", 0),
        ("[" * 50_000, 0),
        ('{"cause": "\\ud800"}', 0),
    ],
)
def test_json_schema_wants_the_whole_output_to_be_json_of_that_shape(output, value):
    """Broken JSON is the arm's failure and scores 0."""
    assert score(JsonSchema(schema=SCHEMA), output).value == value


WORDS = st.lists(st.sampled_from(["restart", "the", "router", "wait", "now"]), max_size=12)


@given(reference=WORDS, output=WORDS)
def test_rouge_l_is_that_of_googles_package(reference, output):
    """Also where one side is empty, which is 0."""
    texts = (" ".join(reference), " ".join(output))
    expected = rouge_scorer.RougeScorer(["rougeL"]).score(*texts)["rougeL"].fmeasure
    assert score(RougeL(), texts[1], texts[0]).value == pytest.approx(expected)


def test_rouge_l_counts_chinese_words_in_order():
    """Google's tokenizer drops every Chinese character and would give 0."""
    assert score(RougeL(), "重启路由器", "重启路由器").value == 1
    assert 0 < score(RougeL(), "路由器重启", "重启路由器").value < 1


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: type(metric).__name__)
@given(output=st.text(), reference=st.lists(st.text(), min_size=1, max_size=3))
def test_no_output_breaks_a_metric(metric, output, reference):
    """Any text gives a value in [0, 1], and 0 or 1 where the metric says binary."""
    found = score(metric, output, *reference)
    assert 0 <= found.value <= 1
    assert not metric.binary or found.value in (0, 1)


@pytest.mark.parametrize("metric", [ExactMatch(), TokenF1(), RougeL()])
@given(reference=st.text(min_size=1))
def test_the_reference_itself_scores_one(metric, reference):
    """Where it holds a word at all."""
    assert score(metric, reference, reference).value == 1 or not words(reference)


@pytest.mark.parametrize("metric", [ExactMatch(), TokenF1(), Contains(), RougeL()])
def test_a_case_without_a_reference_is_missing_not_wrong(metric):
    """What we lack is not the arm's failure."""
    assert (score(metric, "x").value, score(metric, "x").reason) == (None, "no_reference")


def test_an_output_of_megabytes_is_scored_in_seconds():
    """A runaway answer must not hold up the run; explanations stay short."""
    long = "Cause: 原因 and reset " * 20_000
    for metric in ALL:
        assert len(score(metric, long, "Cause: x Fix: y").explanation) < 500


@pytest.mark.parametrize(
    ("cls", "options", "said"),
    [
        (ExactMatch, {"extract": "("}, "not a regular expression"),
        (Regex, {"pattern": "["}, "not a regular expression"),
        (Regex, {"pattern": "a", "match": "most"}, "full"),
        (Contains, {"value": []}, "must not be empty"),
        (Contains, {"value": ["a", " "]}, "must not be empty"),
        (JsonSchema, {}, "either schema or path"),
        (JsonSchema, {"schema": {"type": "objekt"}}, "not a JSON Schema"),
        (JsonSchema, {"schema": {"$ref": "http://127.0.0.1:9/x.json"}}, "fetches none"),
        (JsonSchema, {"schema": {"$ref": "#/$defs/none"}}, "fetches none"),
        (JsonSchema, {"path": "none.json"}, "cannot be read"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_once(cls, options, said):
    """As the protocol says, by ValueError."""
    with pytest.raises(ValueError, match=said):
        cls(**options)
