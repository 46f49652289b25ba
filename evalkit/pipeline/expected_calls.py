"""What one arm will ask and get: calls exactly, tokens from its prompts, seconds from a probe or a stated rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean
from typing import NamedTuple

from evalkit.arms.arm import Arm
from evalkit.calls.caller import Caller
from evalkit.data.cases import Cases
from evalkit.digest import digest_of
from evalkit.models.prompt_tokens import TokenCounter
from evalkit.models.protocol import BatchModel
from evalkit.pricing.prices_in_force import Pricer
from evalkit.records.estimate import ArmEstimate, Basis
from evalkit.records.record import Money
from evalkit.records.sample import Completion, Request, Timing, Usage
from evalkit.runner.latency import spread_evenly

_SAMPLED = 200  # prompts that are written and counted, evenly over the cases
_PROBED_ALONE = 2
# A model that takes longer than that for one answer is probed with fewer rows than it takes in a batch.
_SLOW_S = 0.25
_ROWS_OF_SLOW = 8
FIRST_TOKEN_S = 0.7
TOKENS_A_SECOND = 60.0
STATED_RATE = (
    f"Time of hosted models is a stated rate: {FIRST_TOKEN_S:g} s to the first token, then {TOKENS_A_SECOND:g} tokens "
    "a second, over the requests in flight."
)


@dataclass(frozen=True, slots=True)
class Probe:
    """How a local model answered some prompts of an arm; figures are means of a row.

    Attributes:
        read_s, write_s: Seconds of a row in a batch, up to its first token and from there.
        alone_read_s, alone_write_s: Likewise, of an answer timed alone.
        prompt: Tokens of a prompt, those that were shared among them.
        shared: Of these, those that the batch has in common and reads once.
        output: Tokens it wrote.
    """

    read_s: float
    write_s: float
    alone_read_s: float
    alone_write_s: float
    prompt: float
    shared: float
    output: float


@dataclass(frozen=True, slots=True)
class ArmQuestion:
    """What an arm's estimate is made from.

    Attributes:
        caller: Of the arm's model; its cache is asked where answers there are to be left out.
        gauge: Counts tokens.
        isolated_s: Seconds of the arm's answers after which no further one is timed alone.
        tuned: Whether the model that will answer is not there yet, so that its base stands in for it.
        limit: Tokens at which an answer stops.
        in_flight: Hosted requests at a time.
        per_minute: Hosted requests a minute, where the suite limits them.
    """

    arm: Arm
    cases: Cases
    caller: Caller
    gauge: TokenCounter
    price: Pricer
    repeats: int
    isolated: int
    isolated_s: float
    seed: int
    tuned: bool
    limit: int | None
    in_flight: int
    per_minute: int | None


def expected_arm(question: ArmQuestion, *, probes: dict[str, Probe] | None, cached: bool) -> ArmEstimate:
    """The estimate of one arm.

    Args:
        question: The arm.
        probes: Of this local model so far, by prompts; arms of equal prompts share one, and a new one is added. None
            where local models may not be asked.
        cached: Whether answers that the response cache has are left out.
    """
    arm, cases, model = question.arm, question.cases, question.caller.model
    alone = question.isolated if arm.facts.role == "candidate" and not model.answers_by_case else 0
    timed = spread_evenly(cases.ids, alone) if alone else []
    kept = _cached(question, timed) if cached and not question.tuned else _Cached(0, [])
    cells, isolated = len(cases) * question.repeats - kept.cells, len(timed) - len(kept.alone_s)
    requests = [_request(question, case_id) for case_id in spread_evenly(cases.ids, _SAMPLED)]
    probe = None
    if probes is not None and isinstance(model, BatchModel):
        key = digest_of([request.messages for request in requests])
        probe = probes.get(key) or probes.setdefault(key, _probe(model, _of_middle_length(requests)))
    prompt = fmean(question.gauge.prompts([request.messages for request in requests]))
    output, basis = _output(question, requests, probe)
    device_s, alone_s = _seconds(question, probe, prompt, output)
    left_s = max(0.0, question.isolated_s - sum(kept.alone_s))
    if alone_s or not left_s:
        isolated = min(isolated, ceil(left_s / alone_s) if alone_s else 0)
    calls = cells + isolated
    usage = None if output is None else Usage(input=round(prompt), output=round(output))
    money = _money(question.price, usage, ((device_s, cells), (alone_s, isolated)))
    prompt_basis: Basis = "own tokenizer" if question.gauge.exact else "characters"
    wall = None if device_s is None or alone_s is None else cells * device_s + isolated * alone_s
    if wall is not None and not isinstance(model, BatchModel) and device_s is not None:
        wall = (
            cells * max(device_s / question.in_flight, 60 / (question.per_minute or 1e9))
            + isolated * device_s
        )
    return ArmEstimate(
        arm=arm.name,
        model=arm.facts.model,
        calls=calls,
        isolated=isolated,
        cached=kept.cells + len(kept.alone_s),
        prompt_tokens=prompt * calls,
        output_tokens=None if output is None else output * calls,
        prompt_basis=prompt_basis,
        output_basis=basis,
        cost=money,
        seconds=wall,
    )


def recorded_arm(arm: Arm, answers: Sequence[Completion], price: Pricer, calls: int) -> ArmEstimate:
    """An arm whose answers are there already: what they say they took. Nothing is asked, and no time passes.

    Args:
        arm: The arm.
        answers: Those of the cases at hand.
        price: Of its model.
        calls: Cells, answered or not.
    """
    counted = [answer.usage for answer in answers if answer.usage is not None]
    whole = bool(counted) and len(counted) == len(answers)
    priced = [price(answer.usage, answer.timing) for answer in answers]
    costs = [
        answer.cost if answer.cost is not None or cost is None else cost.model
        for answer, cost in zip(answers, priced, strict=True)
    ]
    amounts = [cost for cost in costs if cost is not None]
    return ArmEstimate(
        arm=arm.name,
        model=arm.facts.model,
        calls=calls,
        prompt_tokens=float(sum(usage.prompt for usage in counted)) if whole else None,
        output_tokens=float(sum(usage.output for usage in counted)) if whole else None,
        prompt_basis="recorded" if whole else "unknown",
        output_basis="recorded" if whole else "unknown",
        cost=Money(sum(amounts)) if amounts and len(amounts) == len(answers) else None,
        seconds=0.0,
    )


def _request(question: ArmQuestion, case_id: str, repeat: int = 0) -> Request:
    prompt = question.arm.compose(question.cases.get(case_id))
    return Request(messages=prompt.messages, seed=question.seed + repeat, repeat=repeat, case_id=case_id)


class _Cached(NamedTuple):
    """What the cache has of an arm: its cells, and the seconds of its answers timed alone."""

    cells: int
    alone_s: list[float]


def _cached(question: ArmQuestion, timed: Sequence[str]) -> _Cached:
    caller = question.caller
    cells = sum(
        caller.replay(caller.digest(_request(question, case_id, repeat))) is not None
        for case_id in question.cases.ids
        for repeat in range(question.repeats)
    )
    alone = [caller.replay(caller.digest(_request(question, case_id), isolated=True)) for case_id in timed]
    return _Cached(cells, [each.completion.timing.service_s or 0.0 for each in alone if each is not None])


def _of_middle_length(requests: Sequence[Request]) -> list[Request]:
    """By length of the last message, from the middle outwards: a run puts prompts of one length into a batch."""
    ordered = sorted(requests, key=lambda request: len(request.messages[-1].content))
    middle = (len(ordered) - 1) / 2
    return [ordered[place] for place in sorted(range(len(ordered)), key=lambda place: abs(place - middle))]


def _probe(model: BatchModel, requests: Sequence[Request]) -> Probe:
    """An answer to set up memory and the shared prefix, one alone, and a batch; more of both where it is quick."""
    model.complete_batch(requests[:1])
    alone = model.complete_batch(requests[:1])
    if (alone[0].timing.device_s or 0.0) > _SLOW_S:
        full = model.complete_batch(requests[: min(_ROWS_OF_SLOW, model.max_batch)])
    else:
        batch = requests[: model.max_batch]
        model.complete_batch(batch[: max(1, len(batch) // 8)])
        full = model.complete_batch(batch)
        alone = [model.complete_batch([request])[0] for request in requests[:_PROBED_ALONE]]
    read_s, write_s = _mean_seconds(full)
    alone_read_s, alone_write_s = _mean_seconds(alone)
    counted = [answer.usage for answer in full if answer.usage is not None]
    return Probe(
        read_s=read_s,
        write_s=write_s,
        alone_read_s=alone_read_s,
        alone_write_s=alone_write_s,
        prompt=fmean(usage.prompt for usage in counted),
        shared=fmean(usage.cache_read for usage in counted),
        output=fmean(usage.output for usage in counted),
    )


def _mean_seconds(answers: Sequence[Completion]) -> tuple[float, float]:
    """Of a row, until its batch's first token and from there to its last."""
    reading, writing = [], []
    for answer in answers:
        device_s = answer.timing.device_s or 0.0
        first_s = min(device_s, (answer.timing.ttft_s or 0.0) / (answer.timing.batch_size or 1))
        reading.append(first_s)
        writing.append(device_s - first_s)
    return fmean(reading), fmean(writing)


def _output(
    question: ArmQuestion, requests: Sequence[Request], probe: Probe | None
) -> tuple[float | None, Basis]:
    if probe is not None and not question.tuned:
        return probe.output, "probe"
    counts = [
        question.gauge.answer(request.messages, case.reference[0])
        for request in requests
        if (case := question.cases.get(request.case_id)).reference
    ]
    if counts:
        mean = fmean(counts)
        return (mean if question.limit is None else min(mean, question.limit)), "references"
    return (None, "unknown") if question.limit is None else (float(question.limit), "max_tokens")


def _seconds(
    question: ArmQuestion, probe: Probe | None, prompt: float, output: float | None
) -> tuple[float | None, float | None]:
    """Of one answer in a batch and alone; for hosted models both are those of one request."""
    if probe is not None:
        # The base that stands in for a tuned model writes answers of another length; a step takes as long.
        longer = 1.0 if output is None or probe.output <= 0 else output / probe.output
        read = probe.prompt - probe.shared
        more = max(0.0, prompt - probe.shared) / read if question.gauge.exact and read > 0 else 1.0
        return (
            probe.read_s * more + probe.write_s * longer,
            probe.alone_read_s * more + probe.alone_write_s * longer,
        )
    if output is None or isinstance(question.caller.model, BatchModel):
        return None, None
    seconds = FIRST_TOKEN_S + output / TOKENS_A_SECOND
    return seconds, seconds


def _money(price: Pricer, usage: Usage | None, parts: Sequence[tuple[float | None, int]]) -> Money | None:
    """Of all calls; every part has the same tokens and seconds of its own."""
    amount = None
    for seconds, calls in parts:
        cost = price(usage, Timing(device_s=seconds))
        if cost is None or cost.model is None:
            return None
        amount = cost.model * calls + (amount or 0)
    return None if amount is None else Money(f"{amount:.8f}")
