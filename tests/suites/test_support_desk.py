"""The suite that ships: its files, its difficulty, and that the embedded model can read every prompt."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from evalkit.data.corpus import read_corpus
from evalkit.retrieval.quality import recall_at_k
from evalkit.text.words import words

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "suites" / "support-desk"
TRAINED_WINDOW = 320  # tokens the embedded model saw at once while it was trained


def test_the_script_writes_the_committed_files_byte_for_byte(tmp_path):
    subprocess.run([sys.executable, str(FOLDER / "make_suite.py"), str(tmp_path)], check=True)
    for name in ("cases.jsonl", "train.jsonl", "corpus/passages.jsonl"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name


def test_there_are_enough_cases_facts_and_training_pairs(cases, examples):
    per_fact = Counter(case.cluster for case in cases)
    assert len(cases) >= 210
    assert len(per_fact) >= 70
    assert set(per_fact.values()) == {3}
    assert len(examples) >= 500
    assert min(Counter(example.cluster for example in examples).values()) >= 8


def test_no_test_question_is_a_training_question_in_other_letters(cases, examples):
    taught = {tuple(words(example.input)) for example in examples}
    asked = [tuple(words(case.input)) for case in cases]
    assert not taught.intersection(asked)
    assert len(set(asked)) == len(asked)


def test_a_question_that_leaves_the_product_out_names_a_code_of_one_product_only(cases):
    """Otherwise nobody could answer it."""
    rows = [json.loads(line) for line in (FOLDER / "corpus/passages.jsonl").read_text().splitlines()]
    answering = [row["id"] for row in rows if row["id"].count("-") == 1]
    products_of = Counter(name.split("-")[1] for name in answering)
    alone = [case for case in cases if "code only" in case.tags]
    assert alone
    assert all(products_of[case.cluster.split("-")[1]] == 1 for case in alone)


def test_every_answer_is_in_the_passage_that_is_said_to_hold_it(cases):
    texts = {passage.id: passage.text for passage in read_corpus(FOLDER / "corpus/passages.jsonl")}
    for case in cases:
        (gold,) = case.gold_passages
        cause, fix = case.reference[0].removeprefix("Cause: ").removesuffix(".").split(". Fix: ")
        assert cause in texts[gold]
        assert fix in texts[gold]


def test_two_products_share_some_codes_so_that_near_misses_are_real(cases):
    codes = Counter(fact.split("-")[1] for fact in {case.cluster for case in cases})
    assert sum(count > 1 for count in codes.values()) >= 5


def test_bm25_finds_most_but_not_all_of_the_passages_that_answer(cases, arms):
    """Retrieval that never fails would hide what a RAG arm loses to it."""
    found = [
        recall_at_k([passage.id for passage in arms["rag"].compose(case).passages], case.gold_passages, 3)
        for case in cases
    ]
    assert 0.85 < sum(found) / len(found) < 1


def test_no_demonstration_is_of_the_case_s_own_fact(cases, examples, arms):
    fact_of = {example.id: example.cluster for example in examples}
    for case in cases:
        shown = [fact_of[name] for name in arms["few_shot@8"].compose(case).example_ids]
        assert len(shown) == 8
        assert case.cluster not in shown


def test_every_prompt_of_every_arm_fits_the_window_the_model_was_trained_on(suite, cases, arms):
    """Of each family of prompts; the points of the learning curve send what ``fine_tuned`` sends."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(ROOT / "evalkit/models/embedded/weights")
    for name in ("few_shot", "few_shot@0", "few_shot@8", "rag", "fine_tuned", "fine_tuned_rag", "oracle"):
        texts = [
            tokenizer.apply_chat_template(
                [
                    {"role": message.role, "content": message.content}
                    for message in arms[name].compose(case).messages
                ],
                tokenize=False,
            )
            for case in cases
        ]
        longest = max(map(len, tokenizer(texts, add_special_tokens=False)["input_ids"]))
        assert longest + suite.models["base"].max_tokens <= TRAINED_WINDOW, name
