"""Documents cut into chunks that know where they came from, in English and Chinese."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.records.case import Passage
from evalkit.retrieval.chunks import chunk_spans, cut, sections
from evalkit.suite.retrieval import ChunkConfig
from evalkit.text.sentences import sentences, tokens

TEXTS = st.text(alphabet="ab .!?。！？，路由器\n#`-=1", max_size=120)


def pieces(text: str, **config) -> list[str]:
    return [text[start:end] for start, end in chunk_spans(text, ChunkConfig(**config))]


def test_a_chunk_is_the_text_between_its_offsets_and_names_its_document():
    document = Passage(id="guide", text="One. Two.\n\n# Three\nFour.")
    chunks = cut([document], ChunkConfig(by="headings", size=50))
    assert [chunk.id for chunk in chunks] == ["guide#1", "guide#2"]
    for chunk in chunks:
        assert chunk.text == document.text[chunk.start : chunk.end]
        assert chunk.document == chunk.source == "guide"


def test_without_a_chunk_section_documents_stay_whole_and_are_the_same_objects():
    documents = [Passage(id="a", text="x")]
    assert cut(documents, None) is documents
    assert documents[0].source == "a"


@given(TEXTS, st.sampled_from(["tokens", "sentences", "headings"]), st.integers(1, 9), st.integers(0, 8))
def test_no_word_is_lost_no_chunk_is_too_long_and_every_chunk_says_something_new(text, by, size, overlap):
    spans = chunk_spans(text, ChunkConfig(by=by, size=size, overlap=min(overlap, size - 1)))
    covered = {place for start, end in spans for place in range(start, end)}
    assert {place for place, sign in enumerate(text) if not sign.isspace()} <= covered
    assert all(1 <= len(tokens(text[start:end])) <= size for start, end in spans)
    assert all(first[0] < second[0] and first[1] < second[1] for first, second in pairwise(spans))


def test_tokens_are_words_marks_and_single_chinese_characters_and_overlap_is_counted_in_them():
    assert pieces("a b c d e", by="tokens", size=3, overlap=1) == ["a b c", "c d e"]
    assert pieces("重啟路由器，等待", by="tokens", size=4) == ["重啟路由", "器，等待"]


def test_sentences_are_packed_whole_and_the_last_ones_begin_the_next_chunk():
    text = "It is red. It blinks. It stops."
    assert pieces(text, by="sentences", size=8) == ["It is red. It blinks.", "It stops."]
    assert pieces(text, by="sentences", size=8, overlap=4) == [
        "It is red. It blinks.",
        "It blinks. It stops.",
    ]


def test_chinese_sentences_end_at_their_own_marks_and_need_no_space():
    text = "先重啟路由器。燈亮了嗎？好！然後等待……再試「一次。」完"
    assert [text[start:end] for start, end in sentences(text)] == [
        "先重啟路由器。",
        "燈亮了嗎？",
        "好！",
        "然後等待……",
        "再試「一次。」",
        "完",
    ]


def test_decimals_versions_and_abbreviations_end_no_sentence():
    text = "Dr. Ng set v2.1 to 3.5 mm, e.g. here. Then (see Fig. 2) it ran."
    assert [text[start:end] for start, end in sentences(text)] == [
        "Dr. Ng set v2.1 to 3.5 mm, e.g. here.",
        "Then (see Fig. 2) it ran.",
    ]


def test_a_sentence_longer_than_a_chunk_is_cut_by_tokens():
    assert pieces("a b c d e. f.", by="sentences", size=4) == ["a b c d", "e. f."]


def test_markdown_sections_begin_at_headings_of_both_kinds_and_not_inside_code():
    text = "Intro\n\n# One\nx\n\n```\n# no heading\n```\n\nTwo\n---\ny\r\n\r\n### 三\nz"
    assert [text[start:end].strip() for start, end in sections(text)] == [
        "Intro",
        "# One\nx\n\n```\n# no heading\n```",
        "Two\n---\ny",
        "### 三\nz",
    ]


def test_a_section_is_one_chunk_and_a_long_one_is_cut_by_sentences():
    text = "# 退款\n七天內可退。\n\n# Shipping\nWe ship daily. Parcels take a week."
    assert pieces(text, by="headings", size=20) == ["# 退款\n七天內可退。", text[text.index("# Ship") :]]
    assert pieces(text, by="headings", size=9)[1:] == ["# Shipping\nWe ship daily.", "Parcels take a week."]


def test_an_overlap_as_long_as_the_chunk_is_refused():
    with pytest.raises(ValueError, match="overlap must be below size"):
        ChunkConfig(size=5, overlap=5)
