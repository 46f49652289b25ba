"""Red flags about where the answers and their prompts come from: which model answered, what a prompt was tuned on."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.decision.context import DecisionContext
from evalkit.records.arm import ArmFacts
from evalkit.records.decision import RedFlag
from evalkit.text.number_format import count

MODEL_CHANGED = "answering_model_changed"
MODELS_DIFFER = "answering_models_differ"
OPTIMISED_ON_CASES = "prompt_optimised_on_cases"
OPTIMISED_UNDECLARED = "prompt_optimised_undeclared"
ADAPTER_OF_OTHERS = "adapter_made_for_others"


def answering_models(context: DecisionContext) -> Iterator[RedFlag]:
    """Arms whose answers are of more than one model, and arms on one model that different ones answered.

    Providers answer a retired or an undated id with another model than before; an arm of two models is no one thing
    whose quality could be known. Answers of which the provider said nothing, as all those of earlier runs, count for
    no model.
    """
    answered = {name: summary.answering_models for name, summary in context.summaries.items()}
    for name, models in answered.items():
        if len(models) > 1:
            listed = " and ".join(f"{model} ({count(n)} answers)" for model, n in models.items())
            yield RedFlag(
                code=MODEL_CHANGED,
                severity="invalid",
                message=f"the answering model changed inside {name}: {listed}; answer the arm again, with a dated "
                "model id where the provider has one",
            )
    of_model: dict[tuple[str, float | None, int | None], dict[str, str]] = {}
    for arm in context.candidates:
        if len(models := answered[arm.name]) == 1:
            key = (arm.model, arm.fraction, arm.seed)
            of_model.setdefault(key, {})[arm.name] = next(iter(models))
    for (model, _, _), by_arm in of_model.items():
        if len(set(by_arm.values())) > 1:
            listed = ", ".join(f"{arm} by {answering}" for arm, answering in by_arm.items())
            yield RedFlag(
                code=MODELS_DIFFER,
                severity="warn",
                message=f"arms on the suite's model {model} were answered by different models: {listed}; their "
                "difference is partly one of models",
            )


def adapters(context: DecisionContext) -> Iterator[RedFlag]:
    """Adapters that were made for other weights than those that answered, or may have been."""
    for doubt in context.run.manifest.adapter_doubts:
        yield RedFlag(code=ADAPTER_OF_OTHERS, severity="warn", message=doubt)


def optimised_prompts(context: DecisionContext) -> Iterator[RedFlag]:
    """Prompts that an optimiser wrote: on the cases that now judge them, or nobody said on what.

    What is measured wins over what is declared: a demonstration that asks a test question was optimised on it.
    """
    by_prompt: dict[str, list[ArmFacts]] = {}
    for arm in context.candidates:
        if arm.prompt_source is not None:
            by_prompt.setdefault(arm.prompt, []).append(arm)
    for prompt, arms in by_prompt.items():
        names = ", ".join(arm.name for arm in arms)
        declared = _optimised_on(context, prompt, arms)
        profile = context.run.profile.prompts.get(prompt)
        if declared == "cases" or (profile is not None and profile.leaked_exact):
            why = "was optimised on the cases that judge it"
            if profile is not None and profile.leaked_exact:
                why = f"shows or was made from {count(profile.leaked_exact)} of the test questions ({profile.file})"
            yield RedFlag(
                code=OPTIMISED_ON_CASES,
                severity="invalid",
                message=f"the prompt {prompt} of {names} {why}: its quality on new cases is lower by an unknown "
                "amount; optimise it on other questions",
            )
        elif declared is None:
            yield RedFlag(
                code=OPTIMISED_UNDECLARED,
                severity="warn",
                message=f"the prompt {prompt} of {names} was optimised, and on which questions is not declared: say "
                f"`optimised_on: train` or `optimised_on: cases` in prompts.{prompt}",
            )


def _optimised_on(context: DecisionContext, prompt: str, arms: list[ArmFacts]) -> str | None:
    """What the suite declares now, else what it declared when the arms were answered."""
    section = context.suite.prompts.get(prompt)
    if section is not None and section.optimised_on is not None:
        return section.optimised_on
    return next((arm.optimised_on for arm in arms if arm.optimised_on is not None), None)
