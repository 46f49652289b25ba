"""From ``suite.yaml`` to a checked ``Suite``; every problem with its line and the nearest valid name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evalkit.bounded_file import SETTINGS_BYTES, read_bounded
from evalkit.errors import InputError, Problem, RunError, SuiteError, did_you_mean
from evalkit.registry import EMBEDDERS, METRICS, MODELS, READERS, RETRIEVERS, TUNERS, Registry
from evalkit.suite import models as model_section
from evalkit.suite.addresses import address_problems
from evalkit.suite.optimised_prompt import read_kept_prompts, read_optimised_prompt
from evalkit.suite.price_override import PRICES_FILE, merge_prices
from evalkit.suite.retrieval import WITH_EMBEDDER, WITHOUT_EMBEDDER, RetrievalConfig
from evalkit.suite.schema import (
    LATENCY_LIMITS,
    OTHER_LIMITS,
    ArmConfig,
    CasesConfig,
    OptimisedPrompt,
    PromptUse,
    Suite,
)
from evalkit.suite.source import Source, parse_yaml, read_yaml, yaml_value
from evalkit.suite.trust import MODEL_CODE, Trust, allowed
from evalkit.suite.validation_errors import validation_problems
from evalkit.suite.yaml_data import Location

FILE_NAME = "suite.yaml"


def load_suite(
    path: str | Path,
    *,
    allow_plugins: bool = False,
    allow_outside: bool = False,
    allow_model_code: bool | None = None,
) -> Suite:
    """Read and check a suite. It runs no code of its own and reads no file outside its folder unless that is allowed.

    Names are checked against each other and against the registries; the files that the suite names are
    read by ``evalkit validate`` and before a run, not here, but for optimised prompts: what kind an arm is follows
    from their demonstrations.

    Args:
        path: The suite's folder, or its ``suite.yaml``.
        allow_plugins: Whether code is loaded that the suite names as ``module:Class``. Installed plugins need no leave.
        allow_outside: Whether its input files may lie outside its folder. Model folders and caches always may.
        allow_model_code: Whether code runs that a model folder brings, where the suite says ``trust_remote_code``;
            default: where the environment variable ``EVALKIT_ALLOW_MODEL_CODE`` is 1.

    Raises:
        SuiteError: The file cannot be used; all its problems are listed, each with its line.

    Example:
        >>> load_suite("suites/support-desk").name  # doctest: +SKIP
        'support-desk'
    """
    trust = allowed(plugins=allow_plugins, outside=allow_outside, model_code=allow_model_code)
    return read_suite(path, trust)


def read_suite(path: str | Path, trust: Trust) -> Suite:
    """As :func:`load_suite`, for callers that run nothing of the suite and leave its code alone.

    Raises:
        SuiteError: The file cannot be used; all its problems are listed, each with its line.
    """
    given = Path(path)
    file = given / FILE_NAME if given.is_dir() else given
    if not file.exists():
        raise SuiteError(
            Problem(str(file), None, "", "no such file. `evalkit init FOLDER` writes a starter suite.")
        )
    suite = build_suite(replace(read_yaml(file), trust=trust))
    if problems := list(address_problems(suite)):
        raise SuiteError(*problems)
    return suite


def suite_of_run(
    run_folder: Path,
    suite_folder: Path,
    overrides: Mapping[str, str] | None = None,
    *,
    prices: Path | None = None,
    allow_outside: bool = False,
) -> Suite:
    """The suite that a run folder keeps, with some values changed. Code that it names is left alone.

    Nothing in it is replaced by an environment variable: a folder from elsewhere could ask for a secret.

    Args:
        run_folder: Holds ``suite.yaml`` as written when the run began, and ``prices.yaml`` where it was repriced.
        suite_folder: Paths inside the suite are relative to it.
        prices: Prices to put over the suite's own, instead of those of the run's ``prices.yaml``.
        overrides: Dotted key to YAML value, as ``decide --set economics.requests_per_month=50000`` gives them.
        allow_outside: Whether its input files may lie outside ``suite_folder``.

    Raises:
        SuiteError: A key does not exist, or the changed suite does not hold together.
    """
    file = run_folder / FILE_NAME
    try:
        text = read_bounded(file, SETTINGS_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise RunError(Problem(str(file), None, "", f"cannot be read: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        raise RunError(Problem(str(file), None, "", f"is not UTF-8 (byte {error.start})")) from None
    source = parse_yaml(text, file=str(file), folder=suite_folder, substitute=False)
    source = replace(source, trust=Trust(plugins="leave", outside=allow_outside))
    if prices is not None:
        source = replace(source, data=merge_prices(source.data, prices))
    elif (own := run_folder / PRICES_FILE).exists():
        source = replace(source, data=merge_prices(source.data, own, substitute=False))
    for key, value in (overrides or {}).items():
        _override(source, key, value)
    try:
        return build_suite(source, optimised=read_kept_prompts(run_folder))
    except SuiteError as error:
        if "${" not in text:
            raise
        message = (
            "a run expands no ${NAME}, since a folder from elsewhere could ask for a secret; write the value into the "
            "suite itself and run that: answers that are in the cache are not paid twice"
        )
        raise SuiteError(*error.problems, Problem(str(file), None, "", message)) from None


def with_prices(suite: Suite, prices: Path) -> Suite:
    """The suite with the prices of a file in place of its own.

    Args:
        suite: The suite; it is not changed.
        prices: A run's own price file, as ``evalkit.suite.price_override`` describes it; no variable is replaced in it.

    Raises:
        SuiteError: The price file cannot be used; gives its line.
    """
    source = replace(suite.source, data=merge_prices(suite.source.data, prices, substitute=False))
    return build_suite(source, optimised=suite.optimised_prompts)


def _override(source: Source, key: str, value: str) -> None:
    """Set one dotted key of parsed YAML."""
    *parents, last = key.split(".")
    place: Any = source.data
    for part in parents:
        if not isinstance(place, dict):
            raise SuiteError(f"--set {key}: {part!r} is inside a value that has no keys")
        place = place.setdefault(part, {})
    if not isinstance(place, dict):
        raise SuiteError(f"--set {key}: {last!r} is inside a value that has no keys")
    place[last] = yaml_value(value, named=f"--set {key}")


def build_suite(source: Source, *, optimised: Mapping[str, OptimisedPrompt] | None = None) -> Suite:
    """Check parsed YAML and make a ``Suite`` of it.

    Args:
        source: The parsed file.
        optimised: Prompts that the suite reads from files and that were read before, by name, as a run keeps them;
            the others are read now.

    Raises:
        SuiteError: A key or value is refused, a name points nowhere, or the file of an optimised prompt cannot be used;
            lists all problems with their lines.
    """
    try:
        suite = Suite.model_validate(source.data)
    except ValidationError as error:
        raise SuiteError(*validation_problems(error, source, Suite)) from None
    suite._source = source
    if not source.trust.model_code:
        _leave_model_code(suite)
    _read_optimised_prompts(suite, optimised or {})
    if problems := list(_dangling_names(suite)):
        raise SuiteError(*problems)
    return suite


def _leave_model_code(suite: Suite) -> None:
    """Without its own leave no code of a model folder is run, whatever the suite says.

    Raises:
        SuiteError: The suite asks for it, and is not only looked at.
    """
    problems = []
    for name, model in suite.models.items():
        if isinstance(model, model_section.TransformersModelConfig) and model.trust_remote_code:
            suite.models[name] = model.model_copy(update={"trust_remote_code": False})
            message = (
                f"runs Python code of the model folder: if you trust it, set {MODEL_CODE}=1 for the command (in "
                "Python: load_suite(..., allow_model_code=True))"
            )
            problems.append(suite.source.problem(("models", name, "trust_remote_code"), message))
    if problems and suite.trust.plugins != "leave":
        raise SuiteError(*problems)


def _read_optimised_prompts(suite: Suite, known: Mapping[str, OptimisedPrompt]) -> None:
    """Give the suite the prompts that it names files for: those that are known already, else read from the files."""
    problems = []
    for name, config in suite.prompts.items():
        if config.source is None:
            continue
        if name in known:
            suite._optimised[name] = known[name]
            continue
        try:
            suite._optimised[name] = read_optimised_prompt(suite.path(config.path or ""), config)
        except SuiteError as error:
            problems.append(suite.source.problem(("prompts", name, "path"), str(error)))
    if problems:
        raise SuiteError(*problems)


def _dangling_names(suite: Suite) -> Iterator[Problem]:
    """A problem for each name that nothing defines."""
    problem = suite.source.problem
    for name, model in suite.models.items():
        at: Location = ("models", name)
        if isinstance(model, model_section.TunedModelConfig):
            yield from _reference(suite, (*at, "base"), "model", model.base, suite.models)
            if model.base in suite.models and suite.models[model.base].type not in (
                "embedded",
                "transformers",
            ):
                yield problem(
                    (*at, "base"),
                    f"only embedded and transformers models can be tuned here; {model.base!r} is "
                    f"{suite.models[model.base].type}",
                )
            if model.prompt is not None:
                yield from _reference(suite, (*at, "prompt"), "prompt", model.prompt, suite.prompts)
            yield from _registered((*at, "method"), TUNERS, model.method, suite)
        else:
            yield from _registered((*at, "type"), MODELS, model.type, suite, also=("tuned",))
        if not isinstance(model, model_section.TunedModelConfig) and model.tuned_from is not None:
            yield from _reference(suite, (*at, "tuned_from"), "model", model.tuned_from, suite.models)
    for name, embedder in suite.embedders.items():
        yield from _registered(("embedders", name, "type"), EMBEDDERS, embedder.type, suite)
    for name, arm in suite.arms.items():
        yield from _arm_names(suite, name, arm)
    for index, metric in enumerate(suite.metrics):
        yield from _registered(("metrics", index), METRICS, metric.type, suite)
    for at, config in _case_files(suite):
        if config.format is not None:
            yield from _registered((*at, "format"), READERS, config.format, suite)
    metric_names = [metric.name for metric in suite.metrics]
    if suite.use_case.primary_metric is not None:
        at = ("use_case", "primary_metric")
        yield from _reference(suite, at, "metric", suite.use_case.primary_metric, metric_names)
    for name, extra in suite.extra_cases.items():
        if extra.metric is not None:
            yield from _reference(
                suite, ("extra_cases", name, "metric"), "metric", extra.metric, metric_names
            )
    if suite.decision.reference_arm is not None:
        yield from _reference(
            suite, ("decision", "reference_arm"), "arm", suite.decision.reference_arm, suite.arms
        )
    yield from _gate_names(suite, metric_names)
    for limit in suite.decision.limits:
        limit_names = [*metric_names, *LATENCY_LIMITS, *OTHER_LIMITS]
        yield from _reference(suite, ("decision", "limits", limit), "limit", limit, limit_names)


def _gate_names(suite: Suite, metric_names: list[str]) -> Iterator[Problem]:
    """Arms and metrics of the gate; its tags and case ids are checked where the cases are read."""
    if suite.gate is None:
        return
    for index, arm in enumerate(suite.gate.arms):
        yield from _reference(suite, ("gate", "arms", index), "arm", arm, suite.arms)
    on_all_cases = (suite.primary_metric, None, True)
    said: dict[tuple[str, str | None, bool], str] = {on_all_cases: "gate.max_quality_drop"}
    for index, rule in enumerate(suite.gate.rules):
        if rule.metric is not None:
            at: Location = ("gate", "rules", index, "metric")
            yield from _reference(suite, at, "metric", rule.metric, metric_names)
        about = (rule.metric or suite.primary_metric, rule.tag, rule.max_drop is not None)
        if (first := said.setdefault(about, f"gate.rules.{index}")) != f"gate.rules.{index}":
            message = f"says again what {first} says: the same metric on the same cases; keep one limit there"
            yield suite.source.problem(("gate", "rules", index), message)


def _arm_names(suite: Suite, name: str, arm: ArmConfig) -> Iterator[Problem]:
    at: Location = ("arms", name)
    if "@" in name:
        yield suite.source.problem(
            at, "an arm's name must not contain '@', which marks the points of a curve"
        )
    yield from _reference(suite, (*at, "model"), "model", arm.model, suite.models)
    used = arm.prompt.base if isinstance(arm.prompt, PromptUse) else arm.prompt
    if used is not None:
        yield from _reference(suite, (*at, "prompt"), "prompt", used, suite.prompts)
    elif len(suite.prompts) > 1:
        yield suite.source.problem(at, f"key 'prompt' is missing: the suite has {len(suite.prompts)} prompts")
    if arm.retrieval is not None:
        yield from _registered((*at, "retrieval", "method"), RETRIEVERS, arm.retrieval.method, suite)
        yield from _retrieval_problems(suite, (*at, "retrieval"), arm.retrieval)
    if used is None or used in suite.prompts:
        _, prompt = suite.prompt_of(name)
        if (
            (prompt.shots or any(arm.shot_curve))
            and prompt.examples is None
            and not isinstance(prompt, OptimisedPrompt)
        ):
            yield suite.source.problem(
                (*at, "prompt"), "shows examples (shots > 0), but its prompt names no `examples` file"
            )


def _retrieval_problems(suite: Suite, at: Location, retrieval: RetrievalConfig) -> Iterator[Problem]:
    """A problem for an embedder that is missing, unknown or not used, and for chunks of a gold retriever."""
    method, problem = retrieval.method, suite.source.problem
    if method == "gold" and retrieval.chunk is not None:
        yield problem(
            (*at, "chunk"), "gold gives the passages that the cases name, and those are whole: leave it out"
        )
    if retrieval.embedder is not None:
        yield from _reference(suite, (*at, "embedder"), "embedder", retrieval.embedder, suite.embedders)
        if method in WITHOUT_EMBEDDER:
            yield problem((*at, "embedder"), f"{method} compares no vectors: leave it out")
    elif method in WITH_EMBEDDER and not suite.embedders:
        yield problem(
            (*at, "method"),
            f"{method} needs an embedder: add a section like `embedders: {{small: {{type: openai, model: ...}}}}`; "
            f"types: {', '.join(EMBEDDERS.names())}",
        )
    elif method in WITH_EMBEDDER and len(suite.embedders) > 1:
        yield problem(at, f"key 'embedder' is missing: the suite has {', '.join(map(repr, suite.embedders))}")


def _reference(suite: Suite, at: Location, kind: str, name: str, valid: Any) -> Iterator[Problem]:
    if name not in valid:
        yield suite.source.problem(at, f"no {kind} is called {name!r}. {did_you_mean(name, valid)}")


def _case_files(suite: Suite) -> Iterator[tuple[Location, CasesConfig]]:
    """The sections that say how cases are read, each with its place."""
    yield ("cases",), suite.cases
    for name, extra in suite.extra_cases.items():
        yield ("extra_cases", name), extra


def _registered(
    at: Location, registry: Registry, name: str, suite: Suite, *, also: tuple[str, ...] = ()
) -> Iterator[Problem]:
    """A problem for a name that stands for nothing, or for code that the suite may not bring."""
    try:
        registered, of_suite = name in registry, registry.names_code(name)
    except InputError as error:
        yield suite.source.problem(at, str(error))
        return
    if of_suite and suite.trust.plugins == "refuse":
        yield suite.source.problem(at, registry.refusal(name))
    elif not registered:
        nearest = did_you_mean(name, [*registry.names(), *also])
        yield suite.source.problem(at, f"no {registry.kind} is called {name!r}. {nearest}")
