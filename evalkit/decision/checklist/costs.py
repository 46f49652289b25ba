"""Questions 4 to 7: the way to tune, the work, the compute, the data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from evalkit.decision.checklist.end_dates import announced_evidence, announced_of, end_dates
from evalkit.decision.checklist.question import COMPUTE, DATA, EFFORT, TUNABILITY, Question
from evalkit.decision.context import DecisionContext
from evalkit.decision.tuning_route import months_later, route_of
from evalkit.decision.wording import amount, share
from evalkit.economics.cash_flow import renewal_months
from evalkit.economics.ledger import ledger
from evalkit.economics.line_item import LineItem
from evalkit.pricing.fixed_costs import retune_every
from evalkit.records.decision import Evidence, Finding
from evalkit.records.profile import TrainingProfile
from evalkit.suite.models import TunedModelConfig
from evalkit.text.number_format import data_size, seconds

MIN_ROWS = 10
FEW_ROWS = 50
_WORK = ("engineering", "labelling", "retuning", "evaluation")


def tunability(context: DecisionContext) -> Finding:
    """Question 4: whether a way to tune exists, and lasts through the horizon."""
    arm = context.tuned or context.untuned
    if arm is None:
        return TUNABILITY.unknown("No candidate has a score, so there is no model to tune.")
    model = context.arms[arm].model
    tuning_route = route_of(context.suite, model)
    announced = list(announced_evidence(context, model))
    ended = next((end for end in end_dates(context, arm) if end.announced), None)
    if ended is not None:
        answer = f"Inside the horizon, on {ended.day}: {ended.says}, as its provider announces."
        return TUNABILITY.blocked(answer, announced)
    if tuning_route.route is None:
        answer = (
            "The suite does not tell which provider tunes this model; look up its dates before relying on it."
        )
        if context.tuned is None:
            return TUNABILITY.unknown(answer, announced)
        return TUNABILITY.met(f"A tuned model was measured. {answer}", announced, speaks_for="neither")
    route = tuning_route.route
    until = months_later(context.today, context.horizon_months)
    evidence = [
        Evidence(
            label="route", value=f"{route.name} ({route.state})", source=f"{route.source}, {route.as_of}"
        ),
        Evidence(label="base model", value=tuning_route.base_model),
        *(
            Evidence(label=event.from_day.isoformat(), value=event.says, source=route.source)
            for event in route.events
        ),
        *announced,
    ]
    if context.tuned is not None:
        evidence.append(Evidence(label="tuned", value=_how(context, context.tuned), source=context.tuned))
    if route.state in ("ended", "deprecated"):
        return TUNABILITY.blocked(f"Tuning by {route.name} is {route.state}.", evidence)
    if retired := route.retirements_before(until, tuning_route.base_model):
        event = retired[0]
        answer = f"Inside the horizon, on {event.from_day}: {event.says}."
        return TUNABILITY.blocked(answer, evidence)
    ends = [
        route.jobs_end(),
        *(date.fromisoformat(day.day) for day in announced_of(context, model) if day.what == "tuning_ends"),
    ]
    jobs_end = min((day for day in ends if day is not None), default=None)
    late = [day for day in _job_days(context) if jobs_end is not None and day >= jobs_end]
    if late:
        answer = f"A tuning job is due on {late[0]}, and {route.name} takes none from {jobs_end}."
        return TUNABILITY.blocked(answer, evidence)
    where = "on your own machines" if route.name == "local" else f"by {route.name}"
    return TUNABILITY.met(
        f"You can tune {tuning_route.base_model} {where} until {until}, the end of the horizon.",
        evidence,
        speaks_for="neither",
    )


def effort(context: DecisionContext) -> Finding:
    """Question 5: the hours that people work, and whether all costs are paid back inside the horizon."""
    lines = [line for line in _tuning_lines(context) if line.name in _WORK]
    return _paid_back(context, EFFORT, "work", lines)


def compute(context: DecisionContext) -> Finding:
    """Question 6: the device time of training and hosting, and whether all costs are paid back in the horizon."""
    lines = [line for line in _tuning_lines(context) if line.name not in _WORK]
    return _paid_back(context, COMPUTE, "compute", lines)


def data(context: DecisionContext) -> Finding:
    """Question 7: training rows, how clean they are, and what the learning curve says about more of them."""
    rows = context.training_file()
    if rows is None:
        return DATA.unknown(
            "The suite names no training or example rows; name the file that the model was trained on."
        )
    curve = context.curve("learning", context.tuned)
    evidence = list(_data_evidence(context, rows))
    if curve is not None:
        evidence.append(Evidence(label="learning curve", value=curve.note, source=curve.parent))
    if context.tuned is None and not _to_be_trained_on(context, rows):
        answer = f"Only the {rows.rows} examples of {rows.file} are known; name the rows that a tune would train on."
        return DATA.unknown(answer, evidence)
    if rows.rows < MIN_ROWS:
        return DATA.blocked(
            f"{rows.rows} training rows: providers refuse fewer than {MIN_ROWS}; collect more.", evidence
        )
    if rows.rows < FEW_ROWS:
        answer = f"{rows.rows} training rows; providers see gains from {FEW_ROWS} to 100. Collect more."
        return DATA.not_met(answer, evidence)
    if rows.leaked_exact:
        answer = f"{rows.leaked_exact} training questions are test questions: take them out and tune again."
        return DATA.not_met(answer, evidence)
    if curve is None or curve.trend == "unknown":
        answer = f"{rows.rows} rows without leakage; add `fractions` to the tuned model to see what more rows bring."
        return DATA.unknown(answer, evidence)
    reached = context.quality(curve.parent)
    target = context.suite.use_case.target
    at_target = target is not None and reached is not None and reached >= target
    if curve.trend == "rising" or at_target:
        state = "the target is reached" if at_target else "more rows still help"
        return DATA.met(f"{rows.rows} rows without leakage, and {state}.", evidence)
    return DATA.not_met(f"{rows.rows} rows, and more of the same no longer help.", evidence)


def _to_be_trained_on(context: DecisionContext, rows: TrainingProfile) -> bool:
    """Whether a file is one that the suite trains on, or large enough to be meant for it."""
    configs = context.suite.models.values()
    named = [config.train for config in configs if isinstance(config, TunedModelConfig)]
    return rows.file in named or rows.rows >= FEW_ROWS


def _trained_here(context: DecisionContext) -> bool:
    """Whether the run trained the tuned arm itself, so that its bill was measured."""
    tuned = context.tuned
    return tuned is not None and isinstance(context.suite.models[context.arms[tuned].model], TunedModelConfig)


def _how(context: DecisionContext, arm: str) -> str:
    config = context.suite.models[context.arms[arm].model]
    if not isinstance(config, TunedModelConfig):
        return "elsewhere"
    run = context.training_run(arm)
    return config.method if run is None or not run.trained else f"{config.method}: {run.trained}"


def _job_days(context: DecisionContext) -> list[date]:
    """When tuning jobs have to start: now where nothing was tuned yet, and at each renewal."""
    economics = context.suite.economics
    every = None if economics is None else retune_every(economics)
    months = () if every is None else renewal_months(context.horizon_months, every)
    first = [context.today] if context.tuned is None else []
    return first + [months_later(context.today, int(month)) for month in months]


def _tuning_lines(context: DecisionContext) -> tuple[LineItem, ...]:
    """Everything about the tuned arm over the horizon except its requests."""
    if context.tuned is None or context.terms is None or context.tuned not in context.cost_models:
        return ()
    tuned = ledger(context.cost_models[context.tuned].costs, context.terms)
    return (*tuned.one_off.items, *tuned.standing.items, *tuned.recurring.items)


def _paid_back(context: DecisionContext, question: Question, what: str, lines: list[LineItem]) -> Finding:
    if context.terms is None:
        return question.unknown("No economics are declared; give `economics` with volume, value and hours.")
    if context.tuned is None:
        return question.unknown("No tuned candidate was measured; run a pilot tune to know what it takes.")
    evidence = [
        Evidence(
            label=line.name,
            value=f"{amount(line.amount, context.currency)} = {line.basis}",
            declared=line.name != "training" or not _trained_here(context),
            source=context.tuned,
        )
        for line in lines
    ]
    if what == "compute":
        evidence += _training_evidence(context)
    if unknown := context.cost_models[context.tuned].unknown:
        return question.unknown(f"Not all of it is priced: {unknown[0]}.", evidence)
    level = context.break_even()
    if level is None:
        return question.unknown("No untuned candidate was measured to compare it with.", evidence)
    whole = sum((line.amount or Decimal(0) for line in lines), Decimal(0))
    spent = f"{amount(whole, context.currency)} of {what} over {context.horizon_months} months"
    over = f"all that {context.tuned} costs more than {context.untuned}"
    if level.side == "unknown":
        return question.unknown(f"{spent}; whether it is paid back is {level.reason}.", evidence)
    if level.months is not None:
        when = "at once" if level.months == 0 else f"after {float(level.months):.1f} months"
        return question.met(f"{spent}; {over} is paid back {when} at the likeliest volume.", evidence)
    return question.not_met(f"{spent}; {over} is not paid back inside the horizon: {level.reason}.", evidence)


def _training_evidence(context: DecisionContext) -> Iterator[Evidence]:
    run = None if context.tuned is None else context.training_run(context.tuned)
    if run is None:
        return
    facts = {
        "training tokens": f"{run.tokens:,} tokens",
        "training time": seconds(run.seconds),
        "parameters trained": f"{run.trainable_parameters:,} of {run.total_parameters:,}",
        "peak memory": data_size(run.peak_memory_bytes),
    }
    for label, value in facts.items():
        yield Evidence(label=label, value=value, source="tuning.json")


def _data_evidence(context: DecisionContext, rows: TrainingProfile) -> Iterator[Evidence]:
    yield Evidence(label="rows", value=f"{rows.rows:,}", source=rows.file)
    yield Evidence(label="exact duplicates", value=f"{rows.exact_duplicates:,} rows", source=rows.file)
    yield Evidence(
        label="normalised duplicates", value=f"{rows.normalised_duplicates:,} rows", source=rows.file
    )
    yield Evidence(label="conflicting answers", value=f"{rows.conflicts:,} questions", source=rows.file)
    yield Evidence(label="test questions among them", value=f"{rows.leaked_exact:,}", source=rows.file)
    yield Evidence(label="near duplicates of test questions", value=f"{rows.leaked_near:,}", source=rows.file)
    yield Evidence(label="commonest answer", value=share(rows.largest_answer_share), source=rows.file)
    if rows.over_limit:
        yield Evidence(label="rows over the length limit", value=f"{rows.over_limit:,}", source=rows.file)
    if rows.base_already_right is not None:
        yield Evidence(
            label="rows that the base answers",
            value=f"{share(rows.base_already_right)} of {rows.base_asked} asked",
            source=rows.file,
        )
    arm = context.tuned or context.untuned
    route = route_of(context.suite, context.arms[arm].model).route if arm is not None else None
    if route is not None and route.minimum_rows is not None:
        yield Evidence(
            label=f"{route.name} refuses below", value=f"{route.minimum_rows} rows", source=route.source
        )
    if route is not None and route.start_rows is not None:
        yield Evidence(
            label=f"{route.name} says to start with", value=f"{route.start_rows} rows", source=route.source
        )
