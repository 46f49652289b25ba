"""Facts about the data, measured before any decision."""

from __future__ import annotations

from evalkit.records.record import Record


class LengthSpread(Record, frozen=True, kw_only=True):
    """Five numbers of a length: in tokens of the model where it can count them, else in characters."""

    unit: str
    n: int
    minimum: float
    median: float
    p95: float
    maximum: float
    mean: float


class LeakedPair(Record, frozen=True, kw_only=True):
    """A training question that is also, or nearly, a test question.

    Attributes:
        match: ``exact``, ``normalised`` or ``near``.
        similarity: Jaccard similarity of word 3-shingles, in [0, 1].
    """

    case_id: str
    row_id: str
    match: str
    similarity: float
    case_text: str
    row_text: str


class TrainingProfile(Record, frozen=True, kw_only=True):
    """Facts about one training or example file.

    Attributes:
        rows: Rows read.
        exact_duplicates, normalised_duplicates: Rows whose question repeats an earlier row's.
        conflicts: Groups of rows with the same normalised question and different answers.
        distinct_answers: Number of different answers.
        largest_answer_share: Share of rows with the commonest answer, in [0, 1].
        over_limit: Rows longer than the model's limit; None when the limit is not known.
        base_already_right: Share of sampled rows that the base model answers; None when not run.
        base_asked: How many rows that share is of.
        pii_rows: Rows with an e-mail address, a phone number or a card number.
    """

    file: str
    rows: int
    clusters: int
    exact_duplicates: int
    normalised_duplicates: int
    conflicts: int
    input_length: LengthSpread
    output_length: LengthSpread
    distinct_answers: int
    largest_answer_share: float
    over_limit: int | None = None
    length_limit: int | None = None
    base_already_right: float | None = None
    base_asked: int = 0
    pii_rows: int = 0
    leaked: tuple[LeakedPair, ...] = ()
    leaked_exact: int = 0
    leaked_near: int = 0


class PromptProfile(Record, frozen=True, kw_only=True):
    """Facts about a prompt that an optimiser wrote.

    Attributes:
        demonstrations: Solved questions that the file holds.
        leaked: Those that are also, or nearly, test questions: the optimiser has seen them.
        leaked_exact: Test questions that a demonstration asks exactly or but for their spelling.
        leaked_near: Test questions that a demonstration nearly asks.
    """

    file: str
    demonstrations: int
    leaked: tuple[LeakedPair, ...] = ()
    leaked_exact: int = 0
    leaked_near: int = 0


class Profile(Record, frozen=True, kw_only=True):
    """``profile.json``.

    Attributes:
        training: By training or example file, as the suite writes its path.
        prompts: By name, the prompts that are read from a file.
    """

    format_version: int = 1
    cases: int
    clusters: int
    largest_cluster: int
    with_reference: int
    with_gold_passages: int
    duplicate_inputs: int
    input_length: LengthSpread
    reference_length: LengthSpread | None = None
    tags: dict[str, int] = {}
    passages: int | None = None
    training: dict[str, TrainingProfile] = {}
    prompts: dict[str, PromptProfile] = {}
