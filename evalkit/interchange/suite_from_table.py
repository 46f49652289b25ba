"""The suite of an imported table: what a suite file says, with the arms, models and metrics of the table."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from msgspec.structs import replace as struct_replace

from evalkit.arms.expand import expand_arms
from evalkit.errors import DataError, Problem
from evalkit.interchange.score_table import ImportedScores
from evalkit.records.arm import ArmFacts, ArmKind
from evalkit.suite.load import FILE_NAME, build_suite
from evalkit.suite.schema import IMPORTED_FROM, Suite
from evalkit.suite.source import Source, parse_yaml, read_yaml
from evalkit.suite.trust import Trust

ASSUMED_ZERO_SHOT = "assumed_zero_shot"
"""Key of a suite's ``metadata`` with the arms of which neither the table nor their name says what kind they are."""
IMPORT_NOTES = "import_notes"
"""Key of a suite's ``metadata`` with how the table's columns were read where that may surprise."""


def suite_from_table(table: ImportedScores, table_file: Path, suite_file: Path | None) -> Suite:
    """A suite in which every arm of the table stands.

    Arms and models that the suite file does not have are added: a recorded model by the arm's name, of the kind that
    the table states, else of the kind that the name spells (``rag``), else zero-shot. An arm that the suite file
    writes without its ``model`` (``rag: {kind: rag}``) gets such a model too. Arms that the table does not have are
    left out; a metric that the suite file defines keeps its definition.

    Args:
        table: Its arms and metrics.
        table_file: The file that it was read from.
        suite_file: A ``suite.yaml`` or a part of one (``economics``, ``decision``, ``prices``, ``models``, ...), or
            None.

    Raises:
        SuiteError: The suite file cannot be used; gives its line.
    """
    if suite_file is not None and suite_file.is_dir():
        suite_file = suite_file / FILE_NAME
    given = _empty(table_file) if suite_file is None else read_yaml(suite_file)
    data = dict(given.data)
    written = dict(given.variables.as_written((), given.data))  # ${NAME} as it stands
    file = os.path.relpath(table_file, given.folder)
    added = {
        "name": data.get("name") or re.sub(r"[^A-Za-z0-9_.-]+", "-", table_file.stem).strip("-.") or "table",
        "cases": data.get("cases") or {"path": file},
        "metrics": _metrics(table, data.get("metrics")),
        "metadata": {
            **(data.get("metadata") or {}),
            IMPORTED_FROM: file,
            ASSUMED_ZERO_SHOT: _assumed(table, data),
            **({IMPORT_NOTES: list(table.notes)} if table.notes else {}),
        },
    }
    texts: dict[str, Any] = {}
    for values in (data, written):
        values.update(added)
        values["arms"], values["models"] = _arms(table, values, file)
        texts = values
    text = yaml.safe_dump(texts, allow_unicode=True, sort_keys=False)
    variables = given.variables.of_another_text()
    suite = build_suite(
        replace(given, data=data, text=text, variables=variables, trust=Trust(plugins="leave"))
    )
    currency = "USD" if suite.economics is None else suite.economics.currency
    if table.mapping.columns.get("cost") == ("cost_usd",) and currency != "USD":
        message = (
            f"cost_usd is in USD and the suite counts in {currency}: give the money in {currency}, as cost"
        )
        raise DataError(Problem(table.file, None, "", message))
    return suite


def arm_facts(table: ImportedScores, suite: Suite) -> list[ArmFacts]:
    """What the manifest keeps of the table's arms, in the suite's order.

    An arm whose rows give training seeds is the candidate with its lowest seed; each further seed is a curve arm
    (``tuned@1.0/seed2``) of it, as where evalkit trains the seeds itself.

    Raises:
        DataError: An arm cannot be in a suite, is of another kind there, or has training seeds without being tuned.
    """
    in_suite = {facts.name: facts for facts in expand_arms(suite)}
    for arm, kind in table.kinds.items():
        line = next(row.line for row in table.rows if row.arm == arm)
        if arm not in in_suite:
            message = f"arm {arm!r} is a point of a curve that the suite does not have; give another name"
            raise DataError(Problem(table.file, line, "", message))
        if kind is not None and in_suite[arm].kind is not kind:
            message = f"arm {arm!r} is {kind.value} here and {in_suite[arm].kind.value} in the suite"
            raise DataError(Problem(table.file, line, "", message))
    return [
        training
        for name, facts in in_suite.items()
        if name in table.kinds
        for training in _trainings(table, facts)
    ]


def training_arm(arm: str, seed: int | None, seeds: tuple[int, ...]) -> str:
    """Name of the arm that the answers of one training seed belong to: the arm's own for its lowest seed."""
    return arm if seed is None or seed == seeds[0] else f"{arm}@1.0/seed{seed}"


def _trainings(table: ImportedScores, facts: ArmFacts) -> Iterator[ArmFacts]:
    """The arm, and a curve arm for each further training seed."""
    seeds = table.seeds(facts.name)
    if not facts.tuned or facts.role == "curve":
        if len(seeds) > 1:
            line = next(row.line for row in table.rows if row.arm == facts.name and row.seed == seeds[1])
            what = f"arm {facts.name!r} has {len(seeds)} training seeds and is {facts.kind.value}"
            message = f"{what}; only a tuned candidate has trainings: say its kind, or leave the seed out"
            raise DataError(Problem(table.file, line, "", message))
        yield facts
        return
    if not seeds:  # one training, and how many there were is not known
        yield facts
        return
    yield struct_replace(facts, fraction=1.0, seed=seeds[0])
    for seed in seeds[1:]:
        name = training_arm(facts.name, seed, seeds)
        yield struct_replace(facts, name=name, parent=facts.name, role="curve", fraction=1.0, seed=seed)


def _assumed(table: ImportedScores, data: Mapping[str, Any]) -> list[str]:
    """Arms of which neither the table nor the suite file nor their name says what kind they are."""
    stated = {*ArmKind, *(data.get("arms") or {})}
    return [arm for arm, kind in table.kinds.items() if kind is None and arm not in stated]


def _empty(table_file: Path) -> Source:
    return parse_yaml("{}", file=str(table_file), folder=table_file.parent)


def _metrics(table: ImportedScores, defined: Any) -> list[Any]:
    """The metrics of the table, each as the suite file defines it, else as an imported one."""
    definitions: dict[str, Any] = {}
    for metric in defined if isinstance(defined, list) else ():
        if isinstance(metric, str):
            definitions[metric] = metric
        elif isinstance(metric, dict) and "name" in metric:
            definitions[str(metric["name"])] = metric
        elif isinstance(metric, dict) and len(metric) == 1:
            ((kind, options),) = metric.items()
            definitions[str((options or {}).get("name", kind))] = metric
    return [definitions.get(name, {"type": "imported", "name": name}) for name in table.metrics]


def _arms(table: ImportedScores, data: dict[str, Any], file: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The sections ``arms`` and ``models`` with what the table needs."""
    written = data.get("arms") or {}
    needed = {arm.partition("@")[0] if arm.partition("@")[0] in written else arm: None for arm in table.kinds}
    arms = {name: arm for name, arm in written.items() if name in needed}
    models = dict(data.get("models") or {})
    for name in needed:
        if name in arms and not _lacks_model(arms[name]):
            continue
        kind = table.kinds[name] or (ArmKind(name) if name in list(ArmKind) else ArmKind.ZERO_SHOT)
        made = {"type": "recorded", "path": file, "kind": kind.value}
        models[name] = {**made, **(models.get(name) or {})}
        arms[name] = {"model": name, **(arms.get(name) or {})}
    return arms, models


def _lacks_model(arm: Any) -> bool:
    """Whether an arm of the suite file names no model, so that the table's answers are made one."""
    return arm is None or (isinstance(arm, dict) and arm.get("model") is None)
