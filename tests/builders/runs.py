"""Synthetic runs for the tests of comparison and decision: a suite, its answers and scores, all in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import yaml
from msgspec.structs import replace as struct_replace

from evalkit.comparison.arm_summaries import ArmMeasurements
from evalkit.comparison.build_table import build_table
from evalkit.comparison.compare import compare
from evalkit.comparison.table import ScoreTable
from evalkit.decision.context import ComparedRun
from evalkit.decision.decide import decide
from evalkit.decision.prepare import PreparedDecision, prepare_decision
from evalkit.metrics.protocol import Metric
from evalkit.records.arm import ArmFacts, ArmKind
from evalkit.records.case import Case
from evalkit.records.comparison import ArmSummary, Comparison, Failures
from evalkit.records.decision import Decision
from evalkit.records.manifest import CaseFacts, Digests, Manifest
from evalkit.records.profile import LengthSpread, Profile, TrainingProfile
from evalkit.records.record import Record, to_json
from evalkit.records.run_observations import RunObservations
from evalkit.records.sample import LatencyRow, Sample, Status, Timing, Usage
from evalkit.records.score import ScoreRow
from evalkit.records.tuning import TuningReport
from evalkit.store.run_folder import CASES_FILE, RunFolder
from evalkit.suite.load import build_suite
from evalkit.suite.schema import Suite
from evalkit.suite.source import parse_yaml

LENGTH = LengthSpread(unit="tokens", n=1, minimum=1, median=1, p95=1, maximum=1, mean=1)
PRICE = {"as_of": "2026-11-01", "source": "test contract"}


@dataclass
class Arm:
    """One arm: its score for each case (None: no answer), tokens of each request, and what it is.

    ``models`` are the ids of the models that answered, case by case and again from the first.
    """

    scores: list[float | None]
    input: int = 1000
    output: int = 20
    kind: str = "few_shot"
    role: str = "candidate"
    parent: str | None = None
    shots: int = 4
    fraction: float | None = None
    seed: int | None = None
    usage: bool = True
    service_s: float | None = 0.5
    device_s: float | None = None
    retrieval: str | None = "bm25"
    prompt: str = "house"
    prompt_source: Literal["dspy", "file"] | None = None
    optimised_on: Literal["train", "cases"] | None = None
    models: tuple[str | None, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)


@dataclass
class Run:
    """Everything that a decision is made from."""

    suite: Suite
    manifest: Manifest
    table: ScoreTable
    comparison: Comparison
    profile: Profile
    tuning: TuningReport | None
    arms: dict[str, Arm]
    changes: dict[str, Any]
    cases: list[Case]
    samples: list[Sample]
    score_rows: list[ScoreRow]


def suite_of(arms: dict[str, Arm], **changes: Any) -> Suite:
    """The suite alone."""
    return build_suite(parse_yaml(suite_text(arms, changes), file="suite.yaml", folder=Path()))


def compared(run: Run, observations: RunObservations | None = None) -> ComparedRun:
    """The run as a decision takes it."""
    return ComparedRun(
        run.manifest, run.table, run.comparison, run.profile, run.tuning, observations or RunObservations()
    )


def prepared(run: Run, seed: int | None = None) -> PreparedDecision:
    """What the decision on a run starts from."""
    return prepare_decision(run.suite, compared(run), seed=seed)


def decision(run: Run, observations: RunObservations | None = None, **given: Any) -> Decision:
    """The decision on a run."""
    return decide(run.suite, compared(run, observations), **given)


def changed(run: Run, **changes: Any) -> Run:
    """The same run under other declarations: what ``evalkit decide`` with overrides does."""
    return replace(run, suite=suite_of(run.arms, **_merged(run.changes, changes)))


def scores(right: int, n: int) -> list[float | None]:
    """The first ``right`` of ``n`` cases right."""
    return [1.0] * right + [0.0] * (n - right)


def pattern(*blocks: tuple[int, int]) -> list[float | None]:
    """Blocks of (count, score)."""
    return [float(score) for count, score in blocks for _ in range(count)]


def profile(*, rows: int = 1000, cases: int = 100, **changes: Any) -> Profile:
    """A clean profile with one training file."""
    training = TrainingProfile(
        file="train.jsonl",
        rows=rows,
        clusters=rows,
        exact_duplicates=0,
        normalised_duplicates=0,
        conflicts=0,
        input_length=LENGTH,
        output_length=LENGTH,
        distinct_answers=rows,
        largest_answer_share=0.01,
        **changes,
    )
    return Profile(
        cases=cases,
        clusters=cases,
        largest_cluster=1,
        with_reference=cases,
        with_gold_passages=0,
        duplicate_inputs=0,
        input_length=LENGTH,
        training={"train.jsonl": training},
    )


def suite_text(arms: dict[str, Arm], changes: dict[str, Any]) -> str:
    """A suite on hosted models: 'base' at 1.00 and 2.00 per million tokens, its tune at the same."""
    models: dict[str, Any] = {
        "base": {"type": "openai", "model": "acme-base", "base_url": "https://models.acme.example/v1"}
    }
    if any(arm.kind.startswith("fine_tuned") for arm in arms.values()):
        models["tuned"] = {
            "type": "openai",
            "model": "ft:acme-base:us::1",
            "base_url": "https://models.acme.example/v1",
            "tuned_from": "base",
            "training": {"cost": 100},
        }
    data: dict[str, Any] = {
        "name": "synthetic",
        "use_case": {"improve": "exact answers", "target": 0.95},
        "cases": "cases.jsonl",
        "prompts": {
            "house": {"system": "Answer.", "shots": 4, "examples": {"path": "train.jsonl"}},
            "other": {"system": "Answer well.", "shots": 4, "examples": {"path": "train.jsonl"}},
        },
        "models": models,
        "arms": {name: _arm(arm) for name, arm in arms.items() if "@" not in name},
        "metrics": ["exact_match"],
        "run": {"seed": 7},
        "economics": {
            "currency": "USD",
            "horizon_months": 12,
            "requests_per_month": 100_000,
            "value_per_correct": 0.01,
            "training": {"labour_hours": 10, "labour_rate": 50},
        },
        "prices": {
            "acme-base": {"input": 1.0, "output": 2.0, **PRICE},
            "ft:acme-base": {"input": 1.0, "output": 2.0, **PRICE},
        },
        "decision": {"draws": 1000},
    }
    return yaml.safe_dump(_merged(data, changes), sort_keys=False)


def _arm(arm: Arm) -> dict[str, Any]:
    written: dict[str, Any] = {
        "model": "tuned" if arm.kind.startswith("fine_tuned") else "base",
        "prompt": {"base": arm.prompt, "shots": arm.shots},
        "role": arm.role,
    }
    if arm.kind in ("rag", "fine_tuned_rag"):
        written["retrieval"] = {"corpus": "corpus"}
    return written


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``changes`` laid over ``base``; None takes a key away, a key 'only' replaces a mapping whole."""
    merged = dict(base)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = value
    return merged


def make_run(
    arms: dict[str, Arm],
    *,
    clusters: list[str] | None = None,
    references: list[str] | None = None,
    outputs: dict[str, list[str]] | None = None,
    chance: dict[str, float] | None = None,
    prefix_tokens: dict[str, float] | None = None,
    made_profile: Profile | None = None,
    more_scores: dict[str, dict[str, list[float | None]]] | None = None,
    tuning: TuningReport | None = None,
    tags: list[tuple[str, ...]] | None = None,
    latency: Sequence[LatencyRow] = (),
    extra: dict[str, dict[str, list[float | None]]] | None = None,
    **changes: Any,
) -> Run:
    """A finished run; ``changes`` are laid over the suite's YAML, ``extra`` gives scores by task set and arm."""
    suite = suite_of(arms, **changes)
    n = len(next(iter(arms.values())).scores)
    cases = [
        Case(
            id=f"c{index}",
            input=f"question {index}",
            reference=(references[index] if references else "yes",),
            cluster=clusters[index] if clusters else f"c{index}",
            tags=tags[index] if tags else (),
        )
        for index in range(n)
    ]
    manifest = Manifest(
        suite=suite.name,
        suite_path="suite",
        run_id="run-1",
        evalkit_version="0",
        python_version="3",
        started_at="2026-11-20T00:00:00Z",
        seed=suite.run.seed,
        n_cases=n,
        digests=Digests(suite="s", cases="c", data="d", prices="p"),
        arms=tuple(_facts(name, arm) for name, arm in arms.items()),
    )
    samples, score_rows = _samples(arms, cases, outputs or {}), _score_rows(arms, cases, more_scores or {})
    table = build_table(manifest, cases, samples, score_rows, suite.primary_metric)
    comparison = compare(
        suite,
        table,
        ArmMeasurements(latency=latency, chance=chance or {}, prefix_tokens=prefix_tokens or {}),
        tuning=tuning,
        extra={name: extra_table(manifest, suite, scores) for name, scores in (extra or {}).items()},
    )
    return Run(
        suite,
        manifest,
        table,
        comparison,
        made_profile or profile(cases=n),
        tuning,
        arms,
        changes,
        cases,
        samples,
        score_rows,
    )


def with_metric(run: Run, name: str, metric: Metric) -> Run:
    """The same run, its table marked by one more metric."""
    cases = {case.id: case for case in run.cases}
    marked = []
    for sample in run.samples:
        found = metric.score(cases[sample.case_id], sample)
        marked.append(
            ScoreRow(
                case_id=sample.case_id, arm=sample.arm, metric=name, value=found.value, stats=found.stats
            )
        )
    rows = [*run.score_rows, *marked]
    table = build_table(run.manifest, run.cases, run.samples, rows, run.suite.primary_metric)
    return replace(run, table=table, score_rows=rows)


def saved(run: Run, folder: Path, **changes: Any) -> RunFolder:
    """The run on disk, as far as another can be held against it; ``changes`` replace fields of its manifest."""
    folder.mkdir()
    kept = RunFolder(folder)
    kept.write("manifest.json", struct_replace(run.manifest, **changes))
    facts = [CaseFacts(id=case.id, cluster=case.cluster, tags=case.tags) for case in run.cases]
    rows: dict[Path, Sequence[Record]] = {
        kept.file(CASES_FILE): facts,
        kept.samples_file: run.samples,
        kept.scores_file: run.score_rows,
    }
    for path, records in rows.items():
        path.write_bytes(b"".join(to_json(record) + b"\n" for record in records))
    return kept


def extra_table(manifest: Manifest, suite: Suite, given: dict[str, list[float | None]]) -> ScoreTable:
    """The scores of some arms on another task set."""
    arms = {name: Arm(list(values)) for name, values in given.items()}
    n = len(next(iter(given.values())))
    cases = [Case(id=f"x{index}", input="", reference=("yes",), cluster=f"x{index}") for index in range(n)]
    return build_table(
        manifest, cases, _samples(arms, cases, {}), _score_rows(arms, cases, {}), suite.primary_metric
    )


def _facts(name: str, arm: Arm) -> ArmFacts:
    tuned = arm.kind.startswith("fine_tuned")
    return ArmFacts(
        name=name,
        kind=ArmKind(arm.kind),
        role="curve" if arm.role == "curve" else "candidate",
        parent=arm.parent,
        model="tuned" if tuned else "base",
        base_model="base" if tuned else None,
        model_type="openai",
        prompt=arm.prompt,
        prompt_digest=f"{arm.prompt}/{arm.shots}",
        shots=arm.shots,
        retrieval=arm.retrieval if "rag" in arm.kind else None,
        top_k=3 if "rag" in arm.kind else None,
        fraction=arm.fraction,
        seed=arm.seed,
        prompt_source=arm.prompt_source,
        optimised_on=arm.optimised_on,
        settings=arm.settings,
    )


def _samples(arms: dict[str, Arm], cases: list[Case], outputs: dict[str, list[str]]) -> list[Sample]:
    rows = []
    for name, arm in arms.items():
        for index, case in enumerate(cases):
            answered = arm.scores[index] is not None
            rows.append(
                Sample(
                    case_id=case.id,
                    arm=name,
                    answering_model=arm.models[index % len(arm.models)] if answered and arm.models else None,
                    status=Status.OK if answered else Status.ERROR,
                    prompt_digest="p",
                    request_digest="r",
                    output=outputs.get(name, ["answer"] * len(cases))[index] if answered else None,
                    finish_reason="stop" if answered else None,
                    usage=Usage(input=arm.input, output=arm.output) if answered and arm.usage else None,
                    timing=Timing(service_s=arm.service_s, device_s=arm.device_s) if answered else None,
                    error=None if answered else "timeout",
                )
            )
    return rows


def _score_rows(
    arms: dict[str, Arm], cases: list[Case], more: dict[str, dict[str, list[float | None]]]
) -> list[ScoreRow]:
    tables = {"exact_match": {name: arm.scores for name, arm in arms.items()}, **more}
    return [
        ScoreRow(case_id=case.id, arm=name, metric=metric, value=values[index])
        for metric, by_arm in tables.items()
        for name, values in by_arm.items()
        for index, case in enumerate(cases)
        if values[index] is not None
    ]


def with_failures(summary: ArmSummary, failures: Failures) -> ArmSummary:
    """The same arm with other kinds of failures."""
    return struct_replace(summary, failures=failures)


def with_comparison(run: Run, **changes: Any) -> Run:
    """The same run with parts of its comparison replaced."""
    return replace(run, comparison=struct_replace(run.comparison, **changes))
