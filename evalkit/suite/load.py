"""From ``suite.yaml`` to a checked ``Suite``; every problem with its line and the nearest valid name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from evalkit.errors import InputError, Problem, RunError, SuiteError, did_you_mean
from evalkit.registry import METRICS, MODELS, RETRIEVERS, TUNERS
from evalkit.suite import models as model_section
from evalkit.suite.schema import LATENCY_LIMITS, OTHER_LIMITS, ArmConfig, PromptUse, Suite
from evalkit.suite.source import Location, Source, parse_yaml, read_yaml, yaml_value

FILE_NAME = "suite.yaml"


def load_suite(path: str | Path) -> Suite:
    """Read and check a suite.

    Names are checked against each other and against the registries; the files that the suite names are
    read by ``evalkit validate`` and before a run, not here.

    Args:
        path: The suite's folder, or its ``suite.yaml``.

    Raises:
        SuiteError: The file cannot be used; all problems found are listed, each with its line.

    Example:
        >>> load_suite("suites/support-desk").name  # doctest: +SKIP
        'support-desk'
    """
    given = Path(path)
    file = given / FILE_NAME if given.is_dir() else given
    return build_suite(read_yaml(file))


def suite_of_run(run_folder: Path, suite_folder: Path, overrides: Mapping[str, str] | None = None) -> Suite:
    """The suite that a run kept, with some values changed.

    Args:
        run_folder: Holds ``suite.yaml`` as written when the run began.
        suite_folder: Paths inside the suite are relative to it.
        overrides: Dotted key to YAML value, as ``decide --set economics.requests_per_month=50000`` gives them.

    Raises:
        SuiteError: A key does not exist, or the changed suite does not hold together.
    """
    file = run_folder / FILE_NAME
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RunError(Problem(str(file), None, "", f"cannot be read: {error.strerror}")) from error
    source = parse_yaml(text, file=str(file), folder=suite_folder, need_variables=False)
    for key, value in (overrides or {}).items():
        _override(source, key, value)
    return build_suite(source)


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


def build_suite(source: Source) -> Suite:
    """Check parsed YAML and make a ``Suite`` of it."""
    try:
        suite = Suite.model_validate(source.data)
    except ValidationError as error:
        raise SuiteError(*_translate(error, source)) from None
    suite._source = source
    if problems := list(_dangling_names(suite)):
        raise SuiteError(*problems)
    return suite


def _translate(error: ValidationError, source: Source) -> list[Problem]:
    """Pydantic's findings as ours: where, what, and the nearest valid key."""
    problems = []
    for finding in error.errors():
        location = _file_location(finding["loc"], source)
        message = finding["msg"].removeprefix("Value error, ")
        if finding["type"] == "extra_forbidden":
            siblings = _valid_keys(location[:-1], source.data)
            message = f"unknown key {location[-1]!r}. {did_you_mean(str(location[-1]), siblings)}"
        elif finding["type"] == "missing":
            message = f"key {str(finding['loc'][-1])!r} is missing"
        elif finding["type"] in ("literal_error", "enum"):
            expected = str(finding["ctx"]["expected"])
            valid = [word.strip(" '") for word in expected.replace(" or ", ", ").split(",")]
            message = f"{finding['input']!r} is not one of the choices. {did_you_mean(str(finding['input']), valid)}"
        elif not isinstance(finding["input"], dict | list):
            message = f"{message} (it is {finding['input']!r})"
        problem = source.problem(location, message[0].lower() + message[1:])
        if problem not in problems:
            problems.append(problem)
    return problems


def _file_location(loc: tuple[int | str, ...], source: Source) -> Location:
    """Pydantic's location without what is not in the file (union tags, the expanded metric forms)."""
    found: list[str | int] = []
    value: Any = source.data
    for index, part in enumerate(loc):
        if _holds(value, part):
            value = value[part]
        elif not (index == len(loc) - 1 and isinstance(part, str) and part not in _TAGS):
            continue
        found.append(part)
    return tuple(found)


def _holds(value: Any, part: int | str) -> bool:
    """Whether parsed YAML has ``part`` as a key or an index."""
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, dict) and part in value


_TAGS = {*model_section.BUILT_IN_TYPES, "plugin", "str", "PromptUse"}


def _valid_keys(location: Location, data: Any) -> list[str]:
    """The keys that the schema allows at ``location``."""
    current: Any = Suite
    value = data
    for part in location:
        value = value[part] if _holds(value, part) else None
        current = _step(current, part, value)
        if current is None:
            return []
    if isinstance(current, type) and issubclass(current, BaseModel):
        return list(current.model_fields)
    return []


def _step(current: Any, part: str | int, value: Any) -> Any:
    """What the schema has one key further down: a class of ours, a container of them, or None."""
    if get_origin(current) in (dict, list):
        return _class_in(get_args(current)[-1], value)
    if not (isinstance(current, type) and issubclass(current, BaseModel)):
        return None
    field = current.model_fields.get(str(part))
    if field is None:
        return None
    return (
        field.annotation
        if get_origin(field.annotation) in (dict, list)
        else _class_in(field.annotation, value)
    )


def _class_in(annotation: Any, value: Any) -> Any:
    """The schema class inside an annotation; of several, the one that ``type`` names."""
    classes = [
        option
        for option in _flatten(annotation)
        if isinstance(option, type) and issubclass(option, BaseModel)
    ]
    if len(classes) > 1 and isinstance(value, dict):
        for cls in classes:
            kinds = get_args(cls.model_fields["type"].annotation) if "type" in cls.model_fields else ()
            if value.get("type") in kinds:
                return cls
    return classes[0] if classes else None


def _flatten(annotation: Any) -> Iterator[Any]:
    arguments = get_args(annotation)
    if isinstance(annotation, type) or not arguments:
        yield annotation
    for argument in arguments:
        yield from _flatten(argument)


def _dangling_names(suite: Suite) -> Iterator[Problem]:
    """Names that point nowhere."""
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
        elif model.type not in MODELS:
            names = [*MODELS.names(), "tuned"]
            yield problem(
                (*at, "type"), f"no model type is called {model.type!r}. {did_you_mean(model.type, names)}"
            )
        if (tuned_from := getattr(model, "tuned_from", None)) is not None:
            yield from _reference(suite, (*at, "tuned_from"), "model", tuned_from, suite.models)
    for name, arm in suite.arms.items():
        yield from _arm_names(suite, name, arm)
    for index, metric in enumerate(suite.metrics):
        yield from _registered(("metrics", index), METRICS, metric.type, suite)
    metric_names = [metric.name for metric in suite.metrics]
    if suite.use_case.primary_metric is not None:
        at = ("use_case", "primary_metric")
        yield from _reference(suite, at, "metric", suite.use_case.primary_metric, metric_names)
    if suite.decision.reference_arm is not None:
        yield from _reference(
            suite, ("decision", "reference_arm"), "arm", suite.decision.reference_arm, suite.arms
        )
    for limit in suite.decision.limits:
        known = [*metric_names, *LATENCY_LIMITS, *OTHER_LIMITS]
        yield from _reference(suite, ("decision", "limits", limit), "limit", limit, known)


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
    if used is None or used in suite.prompts:
        _, prompt = suite.prompt_of(name)
        if (prompt.shots or any(arm.shot_curve)) and prompt.examples is None:
            yield suite.source.problem(
                (*at, "prompt"), "shows examples (shots > 0), but its prompt names no `examples` file"
            )


def _reference(suite: Suite, at: Location, kind: str, name: str, valid: Any) -> Iterator[Problem]:
    if name not in valid:
        yield suite.source.problem(at, f"no {kind} is called {name!r}. {did_you_mean(name, valid)}")


def _registered(at: Location, registry: Any, name: str, suite: Suite) -> Iterator[Problem]:
    try:
        known = name in registry
    except InputError as error:
        yield suite.source.problem(at, str(error))
        return
    if not known:
        yield suite.source.problem(
            at, f"no {registry.kind} is called {name!r}. {did_you_mean(name, registry.names())}"
        )
