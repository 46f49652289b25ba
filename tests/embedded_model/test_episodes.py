"""The generator of training windows: equal for equal seeds, answerable, and asked in the template's words."""

import random

import numpy as np
import pytest

pytest.importorskip("tokenizers", reason="the trainer needs the extra 'local'")

from tests.embedded_model.answers import Role, answer, draw_format
from tests.embedded_model.episodes import records_episode
from tests.embedded_model.records import draw_codes, draw_records, passage, question
from tests.embedded_model.windows import CURRICULUM, draw_batches, draw_episode, moment
from tests.embedded_model.words import LABELS, lexicon

FINAL = CURRICULUM[-1]


def text_mix(mix: dict[str, float]) -> dict[str, float]:
    return {kind: weight for kind, weight in mix.items() if kind != "tokens"}


@pytest.mark.parametrize("stage", CURRICULUM, ids=lambda stage: f"until-{stage.until}")
def test_one_seed_gives_one_window_in_every_stage(stage):
    draws = [
        [draw_episode(random.Random(seed), stage.settings, text_mix(stage.mix)) for seed in range(20)]
        for _ in range(2)
    ]
    assert draws[0] == draws[1]
    assert len({episode.segments[0].text for episode in draws[0]}) > 10


def test_batches_depend_on_seed_and_step_only(small_tokenizer):
    first, again = (draw_batches(small_tokenizer, 3, 425, 2) for _ in range(2))
    assert np.array_equal(first.ids, again.ids)
    assert np.array_equal(first.roles, again.roles)
    assert first.tallies == again.tallies
    assert not np.array_equal(first.ids, draw_batches(small_tokenizer, 4, 425, 2).ids)
    assert not np.array_equal(first.ids, draw_batches(small_tokenizer, 3, 450, 2).ids)


def test_a_packed_window_is_the_tokenized_text(small_tokenizer):
    """Segments are tokenized one by one; the model later meets whole texts."""
    stage, settings = moment(4000)
    batches = draw_batches(small_tokenizer, 0, 4000, 1)
    rng = random.Random("0/4000")
    for row in range(batches.rows):
        rng.random()  # the draw between token windows and text windows
        text = "".join(segment.text for segment in draw_episode(rng, settings, text_mix(stage.mix)).segments)
        whole = small_tokenizer.encode(text).ids
        width = min(len(whole), batches.ids.shape[1])
        assert batches.ids[row, :width].tolist() == whole[:width]


def test_every_value_asked_for_stands_earlier_in_the_window():
    rng = random.Random(5)
    for _ in range(200):
        read = ""
        for segment in records_episode(rng, FINAL.settings).segments:
            if segment.role is Role.VALUE:
                assert segment.text.strip() in read
            read += segment.text


def test_a_passage_states_every_value_verbatim():
    rng = random.Random(6)
    for _ in range(300):
        labels = rng.sample(LABELS, 2)
        (record,) = draw_records(rng, 1, 2, rare=0.5, named=0.3)
        text = passage(rng, record, labels, 1.0, may_reorder=True)
        assert all(value in text for value in record.values)
        assert record.key in text
        assert record.key in question(rng, record, labels, 1.0)


def test_codes_are_distinct():
    rng = random.Random(7)
    for count in (1, 4, 10):
        for _ in range(100):
            assert len(set(draw_codes(rng, count))) == count


def test_an_answer_is_its_format_with_the_values_put_in():
    rng = random.Random(8)
    (record,) = draw_records(rng, 1, 2, rare=0.0, named=0.0, with_document=True)
    for _ in range(100):
        chosen = draw_format(rng, ("cause", "fix"), with_document=True)
        text = "".join(segment.text for segment in answer(chosen.pattern, record))
        expected = chosen.pattern
        for hole, value in (("%0", record.values[0]), ("%1", record.values[1]), ("%d", str(record.document))):
            expected = expected.replace(hole, value)
        assert text == f" {expected}\n"


def test_no_word_of_the_lexicon_is_listed_twice():
    assert len(lexicon()) == len(set(lexicon()))
    assert len(LABELS) == len(set(LABELS))
