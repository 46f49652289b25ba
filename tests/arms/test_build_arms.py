"""Arms put together from a suite, its examples and its corpus."""

from collections import Counter
from pathlib import Path

import pytest

from evalkit.arms.build import build_arms, build_composer
from evalkit.arms.expand import expand_arms
from evalkit.errors import SuiteError
from evalkit.records.case import Case, Example, Passage
from evalkit.suite.load import build_suite
from evalkit.suite.source import parse_yaml

HEAD = """
name: s
cases: cases.jsonl
prompts:
  house:
    system: "Be exact."
    user: "Q: {{input}}"
    shots: 2
    examples: {path: train.jsonl}
models: {base: {type: embedded}, tuned: {type: tuned, base: base, train: train.jsonl}}
metrics: [exact_match]
arms:
"""
CASES = [
    Case(id="c1", input="pump stops", cluster="pump", gold_passages=("p2",), fields={"product": "Orvane"}),
    Case(id="c2", input="oven glows", cluster="oven", gold_passages=("p1",)),
]
EXAMPLES = [
    Example(id=f"e{index}", input=text, output=f"a{index}", cluster=cluster)
    for index, (text, cluster) in enumerate(
        [("pump is loud", "pump"), ("oven is hot", "oven"), ("lift waits", "lift"), ("pump halts", "pump")]
    )
]
CORPUS = [Passage(id="p1", text="the oven glows when hot"), Passage(id="p2", text="the pump stops when dry")]


def suite_of(text: str):
    return build_suite(parse_yaml(text, file="suite.yaml", folder=Path()))


def build(arms: str, *, cases=CASES, examples=EXAMPLES, corpus=CORPUS, reads=None):
    suite = suite_of(HEAD + arms)
    reads = Counter() if reads is None else reads

    def read_examples(path):
        reads[path] += 1
        return examples

    def read_corpus(path):
        reads[path] += 1
        return corpus

    return build_arms(suite, expand_arms(suite), cases, read_examples=read_examples, read_corpus=read_corpus)


def lines(arm, case) -> list[str]:
    return [message.content for message in arm.compose(case).messages]


def test_an_arm_retrieves_shows_examples_and_asks():
    (arm,) = build("  a: {model: base, prompt: house, retrieval: {corpus: corpus.jsonl, top_k: 1}}")
    prompt = arm.compose(CASES[0])
    assert lines(arm, CASES[0]) == [
        "Be exact.",
        "Q: oven is hot",
        "a1",
        "Q: lift waits",
        "a2",
        "the pump stops when dry\nQ: pump stops",
    ]
    assert prompt.example_ids == ("e1", "e2")
    assert [passage.id for passage in prompt.passages] == ["p2"]
    assert prompt.passages[0].score > 0


def test_points_of_a_shot_curve_show_their_own_number_of_examples():
    arms = build("  a: {model: base, prompt: house, shot_curve: [0, 1]}")
    assert [len(arm.compose(CASES[1]).example_ids) for arm in arms] == [2, 0, 1]


def test_files_are_read_once_and_one_retriever_serves_all_arms_on_a_corpus():
    reads = Counter()
    retrieval = "retrieval: {corpus: corpus.jsonl"
    arms = build(
        f"  a: {{model: base, prompt: house, {retrieval}}}}}\n"
        f"  b: {{model: base, prompt: house, {retrieval}, top_k: 1}}}}\n"
        f"  c: {{model: base, prompt: house, {retrieval}, options: {{b: 0.1}}}}}}\n"
        f"  o: {{model: base, prompt: house, {retrieval}, method: gold}}}}\n",
        reads=reads,
    )
    assert reads == {"train.jsonl": 1, "corpus.jsonl": 1}
    first, second, other, gold = (arm.retriever for arm in arms)
    assert first is second
    assert len({id(first), id(other), id(gold)}) == 3


def test_nearest_examples_are_ranked_by_their_questions():
    (arm,) = build(
        "  a: {model: base, prompt: {base: house, shots: 1, examples: {path: train.jsonl, choose: nearest}}}"
    )
    other = Case(id="c3", input="why is the pump loud", cluster="none")
    assert arm.compose(other).example_ids == ("e0",)


def test_the_query_may_name_columns_of_the_case():
    (arm,) = build(
        '  a: {model: base, prompt: {base: house, shots: 0}, retrieval: {corpus: c, query: "{{product}} oven"}}'
    )
    assert arm.compose(CASES[0]).passages[0].id == "p1"


def test_a_tuned_model_trains_on_the_prompt_of_the_arm_that_uses_it():
    suite = suite_of(HEAD + "  a: {model: tuned, prompt: house}")
    messages = build_composer(suite, "tuned").training_messages(EXAMPLES[0])
    assert [message.content for message in messages] == ["Be exact.", "Q: pump is loud", "a0"]


def test_a_column_that_training_rows_lack_is_found_before_tuning():
    """Tuning on a prompt with a gap would teach a form that is never asked."""
    arm = '  a: {model: tuned, prompt: {base: house, shots: 0, user: "{{product}}: {{input}}"}}'
    with pytest.raises(SuiteError, match=r"suite.yaml:10: models.tuned.train: .* needs \{\{product\}\}"):
        build(arm)


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        (
            '{model: base, prompt: {base: house, user: "{{produkt}}"}}',
            r"suite.yaml:13: arms.a.prompt.user: no field is called .*'input', 'id', 'product'.*Did you mean 'product'",
        ),
        (
            '{model: base, prompt: {base: house, user: "{{product}}"}}',
            "the examples have not",
        ),
        ("{model: base, prompt: {base: house, shots: 3}}", r"arms.a.prompt.shots: 3 shots .* has 2 examples"),
        ("{model: base, prompt: house, shot_curve: [4]}", r"arms.a.shot_curve: 4 shots .* has 2 examples"),
        (
            "{model: base, prompt: house, retrieval: {corpus: c, options: {k: 1}}}",
            r"arms.a.retrieval.options: BM25 has no option 'k'",
        ),
        (
            '{model: base, prompt: house, retrieval: {corpus: c, query: "{{x}}"}}',
            r"arms.a.retrieval.query: no field is called",
        ),
    ],
)
def test_every_fault_is_found_before_anything_runs_and_names_its_line(arm, said):
    with pytest.raises(SuiteError, match=said):
        build(f"  a: {arm}")


def test_a_fault_of_a_shared_prompt_is_reported_once_at_the_prompt():
    bad = "  a: {model: base, prompt: house}\n  b: {model: base, prompt: house}"
    suite = suite_of(HEAD.replace("Q: {{input}}", "Q: {{inptu}}") + bad)
    with pytest.raises(SuiteError) as caught:
        build_arms(
            suite,
            expand_arms(suite),
            CASES,
            read_examples=lambda path: EXAMPLES,
            read_corpus=lambda path: CORPUS,
        )
    (problem,) = caught.value.problems
    assert (problem.where, problem.line) == ("prompts.house.user", 7)


def test_a_ceiling_needs_cases_whose_gold_passages_are_in_the_corpus():
    arm = "  o: {model: base, prompt: house, retrieval: {corpus: c, method: gold}, role: curve}"
    with pytest.raises(SuiteError, match="1 gold passages of the cases are not in c, such as 'p2'"):
        build(arm, corpus=CORPUS[:1])
    with pytest.raises(SuiteError, match="none does"):
        build(arm, cases=[Case(id="c", input="q", cluster="c")])
