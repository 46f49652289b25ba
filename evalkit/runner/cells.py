"""Cells: one arm's answer to one case and repeat, from the question to the journal row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from evalkit.arms.arm import Arm, ArmPrompt
from evalkit.calls.caller import Answered, Caller
from evalkit.calls.key import prompt_digest
from evalkit.records.case import Case
from evalkit.records.sample import Request, Sample, Status
from evalkit.runner.pricing import Pricer


@dataclass(frozen=True, slots=True)
class ArmWork:
    """What answering one arm takes.

    Attributes:
        most_output: Tokens at which the model stops; None where nothing says.
    """

    arm: Arm
    caller: Caller
    price: Pricer
    most_output: int | None = None

    @property
    def name(self) -> str:
        """The arm's name."""
        return self.arm.name


@dataclass(frozen=True, slots=True)
class Cell:
    """One case and repeat with its prompt, ready to be asked."""

    case_id: str
    repeat: int
    prompt: ArmPrompt
    request: Request


def compose_cell(work: ArmWork, case: Case, repeat: int, *, seed: int) -> Cell:
    """Retrieve and write the prompt of one cell."""
    prompt = work.arm.compose(case)
    request = Request(messages=prompt.messages, seed=seed + repeat, repeat=repeat, case_id=case.id)
    return Cell(case.id, repeat, prompt, request)


def all_cells(cases: Iterable[Case], repeats: int) -> Iterator[tuple[Case, int]]:
    """Every case and repeat, the repeats of a case together."""
    for case in cases:
        for repeat in range(repeats):
            yield case, repeat


def answered_sample(work: ArmWork, cell: Cell, answered: Answered) -> Sample:
    """The journal row of an answer."""
    completion = answered.completion
    passages = completion.passages or cell.prompt.passages
    return Sample(
        case_id=cell.case_id,
        arm=work.name,
        repeat=cell.repeat,
        status=Status.OK,
        prompt_digest=prompt_digest(cell.request.messages),
        request_digest=answered.request_digest,
        output=completion.output,
        finish_reason=completion.finish_reason,
        # The corpus has the text; recorded answers bring their own.
        passages=completion.passages or tuple(msgspec.structs.replace(one, text=None) for one in passages),
        usage=completion.usage,
        cost=work.price(completion.usage, completion.timing),
        timing=completion.timing,
        replayed=answered.replayed,
    )


def failed_sample(work: ArmWork, cell: Cell, reason: str) -> Sample:
    """The journal row of a cell that we could not get an answer for."""
    return Sample(
        case_id=cell.case_id,
        arm=work.name,
        repeat=cell.repeat,
        status=Status.ERROR,
        prompt_digest=prompt_digest(cell.request.messages),
        request_digest=work.caller.digest(cell.request),
        passages=tuple(msgspec.structs.replace(one, text=None) for one in cell.prompt.passages),
        error=reason,
    )
