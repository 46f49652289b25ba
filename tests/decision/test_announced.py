"""What providers announce of their models' ends, in the checklist and among the red flags."""

from __future__ import annotations

import pytest

from evalkit.decision.tuning_route import route_of
from evalkit.records.run_observations import AnnouncedDay, RunObservations

N = 60
SOURCE = "https://models.acme.example/v1/models"


def announced(day: str, *, model: str = "tuned", what: str = "shuts", name: str = "ft:acme-base:us::1"):
    found = AnnouncedDay(model=model, id=name, day=day, what=what, source=SOURCE, read_on="2026-11-20")
    return RunObservations(announced=(found,))


@pytest.fixture
def decide(synthetic):
    def call(answering, **changes):
        return decided(synthetic, answering, **changes)

    return call


def decided(synthetic, answering: RunObservations | None, **changes):
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(20, N)),
        "fine_tuned": synthetic.Arm(synthetic.scores(55, N), kind="fine_tuned", shots=0),
    }
    found = synthetic.decision(synthetic.make_run(arms, **changes), observations=answering)
    (tunability,) = [finding for finding in found.checklist if finding.number == 4]
    return found, tunability


def shuts(found):
    return [flag.message for flag in found.red_flags if flag.code == "model_shuts"]


def test_a_model_that_shuts_inside_the_horizon_blocks_tuning_with_day_and_source(decide):
    """The run began on 2026-11-20 and looks twelve months ahead."""
    found, tunability = decide(announced("2027-11-20"))
    assert tunability.status == "blocked"
    assert tunability.answer == (
        "Inside the horizon, on 2027-11-20: ft:acme-base:us::1 shuts, as its provider announces."
    )
    assert [(fact.label, fact.value, fact.source) for fact in tunability.evidence] == [
        ("2027-11-20", "ft:acme-base:us::1 shuts", f"{SOURCE}, 2026-11-20")
    ]
    assert shuts(found) == [
        f"2027-11-20: ft:acme-base:us::1 shuts, which answers for fine_tuned ({SOURCE}, read 2026-11-20)"
    ]
    assert found.verdict != "fine_tune"


def test_one_that_shuts_after_the_horizon_is_evidence_only(decide):
    found, tunability = decide(announced("2027-11-21"))
    assert tunability.status != "blocked"
    assert tunability.evidence[0].label == "2027-11-21"
    assert shuts(found) == []


def test_an_untuned_candidates_end_is_a_red_flag_too(decide):
    """Staying with a model that shuts is no way out either."""
    found, tunability = decide(announced("2027-01-14", model="base", name="acme-base"))
    assert tunability.status != "blocked"
    assert shuts(found) == [
        f"2027-01-14: acme-base shuts, which answers for few_shot ({SOURCE}, read 2026-11-20)"
    ]


def test_a_deprecation_is_told_as_one(decide):
    found, _ = decide(announced("2027-01-14", what="deprecated"))
    assert "is deprecated" in shuts(found)[0]


def test_the_shipped_dates_flag_every_candidate_on_such_a_model(decide):
    """gpt-4o-mini and its tunes shut on 2027-01-14."""
    openai = {"base_url": None}
    models = {
        "base": {**openai, "model": "gpt-4o-mini"},
        "tuned": {**openai, "model": "ft:gpt-4o-mini:us::1"},
    }
    found, tunability = decide(None, models=models)
    assert tunability.status == "blocked"
    (message,) = shuts(found)
    assert message.startswith("2027-01-14: gpt-4o-mini shuts, which answers for few_shot, fine_tuned (OpenAI")


def test_a_day_after_which_no_job_can_start_blocks_retuning(decide):
    """Tuned already, but to be tuned again every six months."""
    azure = {"endpoint": "https://acme.openai.azure.com", "api_version": "2024-10-21"}
    models = {name: {"base_url": None, "azure": azure} for name in ("base", "tuned")}
    often = {"retune_every_months": 6}
    _, tunability = decide(announced("2027-03-01", what="tuning_ends"), models=models, economics=often)
    assert tunability.status == "blocked"
    assert "azure takes none from 2027-03-01" in tunability.answer
    _, once = decide(announced("2027-03-01", what="tuning_ends"), models=models)
    assert once.status == "met"


def test_a_list_that_could_not_be_read_is_said_so(decide):
    _, tunability = decide(RunObservations(unread={"tuned": "the provider answered 500: oops"}))
    (fact,) = tunability.evidence
    assert fact.value == "could not be read: the provider answered 500: oops"


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"type": "gemini", "model": "gemini-x"}, "gemini_developer_api"),
        ({"type": "gemini", "model": "gemini-x", "vertex": {"project": "p"}}, "vertex"),
        (
            {
                "type": "openai",
                "model": "gpt-4o",
                "azure": {"endpoint": "https://gateway.example", "api_version": "1"},
            },
            "azure",
        ),
    ],
    ids=["gemini", "vertex", "azure-behind-a-gateway"],
)
def test_the_route_follows_from_the_configuration(synthetic, config, name):
    suite = synthetic.suite_of(
        {"few_shot": synthetic.Arm([1.0])}, models={"base": {"base_url": None, **config}}
    )
    found = route_of(suite, "base")
    assert found.route is not None
    assert found.route.name == name
