"""Cells: one arm's answer to one case and repeat, from the question to the journal row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from evalkit.arms.arm import Arm, ArmPrompt
from evalkit.calls.cache_key import prompt_digest
from evalkit.calls.caller import Caller, CallResult
from evalkit.records.case import Case
from evalkit.records.sample import Completion, Cost, Request, Sample, Status
from evalkit.retrieval.protocol import Found
from evalkit.text.thoughts import split_thoughts


@dataclass(frozen=True, slots=True)
class ArmTask:
    """What answering one arm takes.

    Attributes:
        caller: Asks the arm's model, and prices its answers.
        currency: Of what its passages cost.
    """

    arm: Arm
    caller: Caller
    currency: str = "USD"

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


def compose_cell(
    task: ArmTask, case: Case, repeat: int, *, seed: int, retrieved: Found | None = None
) -> Cell:
    """Write the prompt of one cell; retrieve for it where that asks no embedder.

    Args:
        task: The arm.
        case: The case.
        repeat: Which repeat.
        seed: The run's.
        retrieved: What ``arm.find`` gave.
    """
    prompt = task.arm.compose(case, retrieved)
    request = Request(messages=prompt.messages, seed=seed + repeat, repeat=repeat, case_id=case.id)
    return Cell(case.id, repeat, prompt, request)


def all_cells(cases: Iterable[Case], repeats: int) -> Iterator[tuple[Case, int]]:
    """Every case and repeat, the repeats of a case together."""
    for case in cases:
        for repeat in range(repeats):
            yield case, repeat


def answered_sample(task: ArmTask, cell: Cell, answered: CallResult) -> Sample:
    """The journal row of an answer."""
    completion = answered.completion
    passages = completion.passages or cell.prompt.passages
    split = split_thoughts(completion.output)
    return Sample(
        case_id=cell.case_id,
        arm=task.name,
        repeat=cell.repeat,
        answering_model=completion.answering_model,
        status=Status.OK,
        prompt_digest=prompt_digest(cell.request.messages),
        request_digest=answered.request_digest,
        output=split.answer,
        reasoning_text=split.reasoning,
        finish_reason=completion.finish_reason,
        # The corpus has the text; recorded answers bring their own.
        passages=completion.passages or tuple(msgspec.structs.replace(one, text=None) for one in passages),
        usage=completion.usage,
        cost=_cost(task, cell, completion),
        timing=completion.timing,
        replayed=answered.replayed,
        retrieval=cell.prompt.use,
    )


def _cost(task: ArmTask, cell: Cell, completion: Completion) -> Cost | None:
    """What the answer and its passages cost; a part that is not known is None."""
    cost = task.caller.price(completion.usage, completion.timing)
    if completion.cost is not None:
        cost = Cost(model=completion.cost, currency=task.currency)
    searcher, use = task.arm.searcher, cell.prompt.use
    if searcher is None or use is None:
        return cost
    passages = searcher.price(use)
    if cost is None:
        return None if passages is None else Cost(model=None, retrieval=passages, currency=task.currency)
    return msgspec.structs.replace(cost, retrieval=passages)


def failed_sample(task: ArmTask, cell: Cell, reason: str) -> Sample:
    """The journal row of a cell that we could not get an answer for."""
    return Sample(
        case_id=cell.case_id,
        arm=task.name,
        repeat=cell.repeat,
        status=Status.ERROR,
        prompt_digest=prompt_digest(cell.request.messages),
        request_digest=task.caller.digest(cell.request),
        passages=tuple(msgspec.structs.replace(one, text=None) for one in cell.prompt.passages),
        error=reason,
        retrieval=cell.prompt.use,
    )


def unfound_sample(task: ArmTask, case: Case, repeat: int, reason: str) -> Sample:
    """The journal row of a cell whose passages we could not get: no prompt was written."""
    return Sample(
        case_id=case.id,
        arm=task.name,
        repeat=repeat,
        status=Status.ERROR,
        prompt_digest="",
        request_digest="",
        error=reason,
    )
