"""The classification suite: its files, its difficulty, and that the embedded model can read every prompt."""

import importlib.util
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from evalkit.data.cases import read_cases
from evalkit.data.corpus import read_corpus
from evalkit.metrics.build import build_metrics
from evalkit.metrics.check import check_cases
from evalkit.text.words import words

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "suites" / "ticket-routing"
TRAINED_WINDOW = 320  # tokens the embedded model saw at once while it was trained


@pytest.fixture(scope="module")
def made():
    """The module ``make_suite.py``, whose folder's name cannot be imported."""
    spec = importlib.util.spec_from_file_location("ticket_routing_make_suite", FOLDER / "make_suite.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_script_writes_the_committed_files_byte_for_byte(tmp_path):
    subprocess.run([sys.executable, str(FOLDER / "make_suite.py"), str(tmp_path)], check=True)
    for name in ("cases.jsonl", "train.jsonl", "notes/notes.jsonl"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name


def test_there_are_enough_tickets_teams_and_training_rows(cases, examples):
    """As many tickets of every team, so that chance is one in eight."""
    per_team = Counter(case.reference[0] for case in cases)
    assert len(cases) >= 300
    assert len(per_team) == 8
    assert len(set(per_team.values())) == 1
    assert len(examples) >= 600


def test_every_reference_is_a_label_and_some_tickets_have_two(suite, cases):
    metrics = build_metrics(suite)
    with read_cases(suite) as read:
        check_cases(metrics, read)
    either = [case for case in cases if "either" in case.tags]
    assert len(either) >= 10
    assert all(len(case.reference) == (2 if "either" in case.tags else 1) for case in cases)
    assert sum("two topics" in case.tags for case in cases) >= 30


def test_no_test_ticket_is_a_training_ticket(cases, examples):
    taught = {tuple(words(example.input)) for example in examples}
    asked = [tuple(words(case.input)) for case in cases]
    assert not taught.intersection(asked)
    assert len(set(asked)) == len(asked)


def test_no_team_name_stands_in_a_ticket_so_that_zero_shot_cannot_know(cases, examples):
    teams = {example.output for example in examples}
    said = {word for row in [*cases, *examples] for word in words(row.input)}
    assert not teams & said


def test_every_word_that_decides_belongs_to_one_team_and_is_taught_often(made, examples):
    """What tuning misses is wordings, not words."""
    teams = made.words_of_teams()
    deciding = [word for found in teams.values() for word in found]
    assert len(deciding) == len(set(deciding))
    taught = Counter(word for example in examples for word in set(words(example.input)))
    assert min(taught[word] for word in deciding) >= 8


def test_no_topic_is_one_team_s_alone(made):
    """Knowing what a ticket is about does not tell the team."""
    team_of = {word: team for team, found in made.words_of_teams().items() for word in found}
    for line in made.TOPICS.strip().splitlines():
        assert len({team_of[word] for word in line.split()}) == 3


def test_every_word_of_the_suite_is_one_the_embedded_model_was_taught(cases, examples):
    from tests.embedded_model.words import lexicon

    known = {*lexicon(), "i", "tickets", "handles"}
    texts = [*(case.input for case in cases), *(example.input for example in examples)]
    texts += [passage.text for passage in read_corpus(FOLDER / "notes" / "notes.jsonl")]
    assert {word for text in texts for word in re.findall(r"[a-z]+", text.lower())} <= known


def test_a_note_said_to_answer_names_the_team_and_a_word_of_the_ticket(cases):
    """About three tickets in ten have no note: the notes are not complete."""
    notes = {passage.id: passage.text for passage in read_corpus(FOLDER / "notes" / "notes.jsonl")}
    for case in cases:
        for name in case.gold_passages:
            assert case.reference[0] in notes[name]
            assert set(words(notes[name])) & set(words(case.input))
    without = sum(not case.gold_passages for case in cases) / len(cases)
    assert 0.2 < without < 0.45


def test_the_fixed_demonstrations_show_every_team_once(cases, arms):
    rows = [json.loads(line) for line in (FOLDER / "train.jsonl").read_text().splitlines()]
    assert len({row["team"] for row in rows[:8]}) == 8
    assert arms["few_shot"].compose(cases[0]).example_ids == tuple(row["id"] for row in rows[:8])


def test_the_nearest_demonstrations_share_words_with_the_ticket(cases, examples, arms):
    text = {example.id: example.input for example in examples}
    for case in cases[:20]:
        for name in arms["few_shot_nearest"].compose(case).example_ids:
            assert set(words(text[name])) & set(words(case.input))


def test_every_prompt_fits_the_window_the_model_was_trained_on(suite, cases, arms):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(ROOT / "evalkit/models/embedded/weights")
    for name in ("few_shot", "few_shot_nearest", "rag", "fine_tuned"):
        texts = [
            tokenizer.apply_chat_template(
                [
                    {"role": message.role, "content": message.content}
                    for message in arms[name].compose(case).messages
                ],
                tokenize=False,
            )
            for case in cases[::5]
        ]
        longest = max(map(len, tokenizer(texts, add_special_tokens=False)["input_ids"]))
        assert longest + suite.models["base"].max_tokens <= TRAINED_WINDOW, name
