"""How a verdict is headed and coloured. Its sentences are those of ``evalkit.decision.verdict``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evalkit.decision.verdict.facts_of_decision import tuned_measured
from evalkit.records.decision import Decision, Verdict

Tone = Literal["go", "stay", "wait", "stop"]


@dataclass(frozen=True, slots=True)
class VerdictWords:
    """A verdict for people.

    Attributes:
        headline: What to do, in one line.
        untuned: The same where no tuned arm was measured, so that nothing is claimed about tuning; "" for none.
        tone: How it is coloured.
    """

    headline: str
    tone: Tone
    untuned: str = ""


VERDICTS = {
    Verdict.FINE_TUNE: VerdictWords("Fine-tune.", "go"),
    Verdict.USE_RAG: VerdictWords(
        "Do not fine-tune. Use retrieval.", "stay", "Use retrieval. Tuning was not measured."
    ),
    Verdict.STAY_FEW_SHOT: VerdictWords(
        "Do not fine-tune. Stay with the prompt.", "stay", "Stay with the prompt. Tuning was not measured."
    ),
    Verdict.DO_NOT_TUNE: VerdictWords(
        "Do not fine-tune.", "stay", "Prompt or retrieval is open. Tuning was not measured."
    ),
    Verdict.ALTERNATIVES_FIRST: VerdictWords("Not yet. Finish the alternatives first.", "wait"),
    Verdict.NONE_WORTH_RUNNING: VerdictWords(
        "Run none of them.", "stop", "Run none of them. Tuning was not measured."
    ),
    Verdict.PILOT_FIRST: VerdictWords("Run a tuning pilot first.", "wait"),
    Verdict.COLLECT_MORE_DATA: VerdictWords("Not yet. Collect more data first.", "wait"),
    Verdict.NOT_DECIDABLE: VerdictWords("This run cannot decide.", "wait"),
    Verdict.BLOCKED: VerdictWords("Tuning would win, but it is blocked.", "stop"),
}


def headline(decision: Decision) -> str:
    """What to do, in one line; nothing about tuning where no tuned arm was measured."""
    words = VERDICTS[decision.verdict]
    if decision.purchase is not None and decision.verdict is Verdict.COLLECT_MORE_DATA:
        more = "Train more often" if decision.purchase.kind == "seeds" else "Answer more cases"
        return f"Not yet. {more} first."
    return words.headline if tuned_measured(decision) or not words.untuned else words.untuned


def tone(decision: Decision) -> Tone:
    """How the verdict is coloured."""
    return VERDICTS[decision.verdict].tone
