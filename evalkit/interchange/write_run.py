"""A table of scores written as a run folder: manifest, suite, cases, samples, scores and data profile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from evalkit.clock import Clock
from evalkit.digest import digest_file, digest_of
from evalkit.errors import Problem, RunError
from evalkit.interchange.score_table import ImportedScores, TableRow
from evalkit.interchange.suite_from_table import arm_facts, training_arm
from evalkit.pricing.prices_in_force import Pricer, currency_of, price_table, pricer, prices_as_of
from evalkit.pricing.reprice_samples import prices_digest
from evalkit.records.arm import ArmFacts
from evalkit.records.manifest import CaseFacts, Digests, Manifest
from evalkit.records.profile import LengthSpread, Profile
from evalkit.records.sample import Cost, Sample, Status, Timing, Usage
from evalkit.records.score import ScoreRow
from evalkit.runner.run_start import provenance
from evalkit.store.atomic import write_atomic
from evalkit.store.jsonl import rewrite
from evalkit.store.run_folder import CASES_FILE, RunFolder
from evalkit.suite.schema import Suite
from evalkit.text.normalise import RULE

NOT_GIVEN = "(the answer is not in the imported table)"
"""Output of a scored answer whose text the table lacks. It is not empty, since an empty answer counts as declined."""

_ADDED_FACTS = ("prompt_source", "optimised_on")
_EMPTY_CELL = "the table's cell is empty"


def write_table_run(
    table: ImportedScores, suite: Suite, table_file: Path, folder: Path, *, clock: Clock
) -> RunFolder:
    """Make a run folder that is scored and not yet compared.

    Args:
        table: The scores.
        suite: From ``suite_from_table``.
        table_file: The file that the table was read from, for its digest.
        folder: Where the run is to be; new or empty.
        clock: Gives the time at which the run is said to begin and end.

    Raises:
        RunError: The folder is not empty, or cannot be made.
        DataError: An arm of the table cannot be in the suite.
        SuiteError: A price row cannot be used.
    """
    facts = arm_facts(table, suite)
    prices = price_table(suite)
    pricers = {arm.name: pricer(suite, arm.model, prices) for arm in facts}
    cases = list(table.cases())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = any(folder.iterdir())
    except OSError as error:
        raise RunError(Problem(str(folder), None, "", f"cannot be made: {error.strerror}")) from error
    if taken:
        raise RunError(
            Problem(str(folder), None, "", "is not empty; name a new folder. Nothing was written.")
        )
    run = RunFolder(folder)
    write_atomic(run.file("suite.yaml"), suite.source.kept_text.encode())
    rewrite(run.file(CASES_FILE), cases)
    tuned = {arm.name for arm in facts if arm.tuned}
    seeds = {arm: table.seeds(arm) if arm in tuned else () for arm in table.kinds}
    names = [
        training_arm(row.arm, row.seed if seeds[row.arm] else None, seeds[row.arm]) for row in table.rows
    ]
    rewrite(
        run.samples_file,
        (
            _sample(row, name, pricers[name], currency_of(suite))
            for row, name in zip(table.rows, names, strict=True)
        ),
    )
    rewrite(run.scores_file, _scores(table, names))
    run.write("profile.json", _profile(cases))
    stamp = clock.now().isoformat(timespec="seconds")
    manifest = Manifest(
        suite=suite.name,
        suite_path=str(suite.folder),
        run_id=folder.name,
        started_at=stamp,
        finished_at=stamp,
        seed=suite.run.seed,
        n_cases=len(cases),
        prices_as_of=prices_as_of(suite, prices),
        digests=_digests(suite, facts, cases, table_file),
        arms=tuple(facts),
        files={},
        **provenance(suite.folder),
    )
    run.write("manifest.json", manifest)
    return run


def _sample(row: TableRow, arm: str, price: Pricer, currency: str) -> Sample:
    scored = row.output is not None or any(value is not None for value in row.scores.values())
    usage = (
        None
        if row.input_tokens is None or row.output_tokens is None
        else Usage(input=row.input_tokens, output=row.output_tokens)
    )
    timing = None if row.latency_s is None else Timing(service_s=row.latency_s)
    stated = None if row.cost is None else Cost(model=row.cost, currency=currency)
    return Sample(
        case_id=row.case_id,
        arm=arm,
        answering_model=row.answering_model,
        status=Status.OK if scored else Status.ERROR,
        prompt_digest="",
        request_digest="",
        output=(row.output or NOT_GIVEN) if scored else None,
        finish_reason="unknown" if scored else None,
        usage=usage,
        cost=stated or price(usage, timing),
        timing=timing,
        error=None if scored else "the table has neither a score nor an answer",
    )


def _scores(table: ImportedScores, names: list[str]) -> Iterator[ScoreRow]:
    for row, arm in zip(table.rows, names, strict=True):
        for metric, value in row.scores.items():
            reason = None if value is not None else _EMPTY_CELL
            yield ScoreRow(
                case_id=row.case_id, arm=arm, metric=metric, value=value, reason=reason, text_rule=RULE
            )


def _profile(cases: list[CaseFacts]) -> Profile:
    """The data profile as far as a table gives it; questions are not known, so lengths are those of 0 texts."""
    clusters = Counter(case.cluster for case in cases)
    nothing = LengthSpread(unit="characters", n=0, minimum=0, median=0, p95=0, maximum=0, mean=0)
    return Profile(
        cases=len(cases),
        clusters=len(clusters),
        largest_cluster=max(clusters.values()),
        with_reference=0,
        with_gold_passages=0,
        duplicate_inputs=0,
        input_length=nothing,
        tags=dict(Counter(tag for case in cases for tag in case.tags)),
    )


def _digests(suite: Suite, facts: list[ArmFacts], cases: list[CaseFacts], table_file: Path) -> Digests:
    return Digests(
        suite=digest_of([[_answering(arm) for arm in facts], suite.run.seed]),
        cases=digest_of([[case.id, case.cluster, case.tags] for case in cases]),
        data=digest_file(table_file),
        prices=prices_digest(suite),
    )


def _answering(arm: ArmFacts) -> dict[str, object]:
    """The facts of an arm that its digest is of; those added since runs of format 1 only where they are known."""
    facts: dict[str, object] = msgspec.to_builtins(arm)
    return {name: value for name, value in facts.items() if value is not None or name not in _ADDED_FACTS}
