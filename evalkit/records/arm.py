"""The facts of an arm, kept in the manifest so that a run can be read without its suite."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from evalkit.records.record import Record


class ArmKind(StrEnum):
    """What kind of arm it is, which follows from its parts: prompt, retrieval, tuned model."""

    ZERO_SHOT = "zero_shot"
    FEW_SHOT = "few_shot"
    RAG = "rag"
    FINE_TUNED = "fine_tuned"
    FINE_TUNED_RAG = "fine_tuned_rag"

    @property
    def tuned(self) -> bool:
        """Whether the arm belongs to the tuned family."""
        return self in (ArmKind.FINE_TUNED, ArmKind.FINE_TUNED_RAG)

    @property
    def retrieves(self) -> bool:
        """Whether the arm is given passages."""
        return self in (ArmKind.RAG, ArmKind.FINE_TUNED_RAG)


Role = Literal["candidate", "curve"]


class ArmFacts(Record, frozen=True, kw_only=True):
    """How one arm answers.

    Attributes:
        name: As in the suite, with ``@4`` (shots), ``@0.25`` (fraction of the training rows) or
            ``@1.0/seed2`` for points of a curve.
        role: Only candidates enter the decision, Holm and the ledger.
        parent: The candidate that a curve arm is a point of; None for candidates and free curve arms.
        model: Name of the model in the suite.
        base_model: Name of the model it was tuned from; None when it was not tuned.
        prompt: Name of the prompt in the suite.
        prompt_digest: Digest of the resolved prompt, so that prompts tried can be counted.
        shots: Demonstrations shown.
        retrieval: The method's name, or None.
        top_k: Passages given, or None.
        embedder: Name of the embedder it searches with, or None.
        chunk: How its documents are cut, in words; None for whole ones.
        fraction: Share of the training rows the model saw, for tuned arms.
        seed: Training seed (1-based), for tuned arms.
        prompt_source: What wrote an optimised prompt: ``dspy``, or ``file`` for a plain file of instructions and
            examples; None for a prompt that the suite spells out.
        optimised_on: What an optimised prompt was optimised on, as declared: ``train`` or ``cases`` (those that judge
            it); None where it was not optimised or nothing is declared.
        settings: Further settings of the arm's model (temperature, max_tokens, ...), for the comparison of
            configurations.
    """

    name: str
    kind: ArmKind
    role: Role
    parent: str | None = None
    model: str
    base_model: str | None = None
    model_type: str
    prompt: str
    prompt_digest: str = ""
    shots: int = 0
    retrieval: str | None = None
    top_k: int | None = None
    embedder: str | None = None
    chunk: str | None = None
    fraction: float | None = None
    seed: int | None = None
    prompt_source: Literal["dspy", "file"] | None = None
    optimised_on: Literal["train", "cases"] | None = None
    settings: dict[str, str] = {}

    @property
    def tuned(self) -> bool:
        """Whether the arm belongs to the tuned family."""
        return self.kind.tuned
