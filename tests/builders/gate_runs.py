"""Finished runs on disk for tests of the gate, written in milliseconds: what a run of a hosted model leaves behind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from evalkit.arms.expand import expand_arms
from evalkit.data.case_content import CaseContent
from evalkit.data.cases import read_cases
from evalkit.data.question_text import QuestionText
from evalkit.pipeline.prepare import prepare
from evalkit.records.manifest import CaseFacts, Digests, Manifest
from evalkit.records.record import to_json
from evalkit.records.sample import Cost, Sample, Status, Timing
from evalkit.records.score import ScoreRow
from evalkit.runner.run_start import digests
from evalkit.store.run_folder import CASES_FILE, RunFolder
from evalkit.store.seal import seal
from evalkit.suite.load import load_suite

Outputs = Sequence[str | Sequence[str]]
"""An arm's answer to each case; several where the run has repeats."""


@dataclass
class GateRun:
    """A run to be written.

    Attributes:
        answers: By arm, what it wrote for each case; "right" is right.
        ids: Of the cases; default: c000, c001, ...
        clusters: Of the cases; default: each its own.
        tags: Of the cases; default: none.
        questions: Of the cases; default: "Question <id>?".
        system: The prompt's system text.
        gate: The gate section.
        more: Laid over the suite's YAML.
        cost: By arm, money of one request; None where it is not known.
        service_s: By arm, seconds of each request.
        answered_by: By arm, the model as the provider says it.
        attempts: By arm, attempts of each request.
        graded: By arm, scores in place of right and wrong.
        ended: When it ended.
        errors: Cells without an answer, by arm and case id.
    """

    answers: dict[str, Outputs]
    ids: Sequence[str] = ()
    clusters: Sequence[str] = ()
    tags: Sequence[Sequence[str]] = ()
    questions: Sequence[str] = ()
    system: str = "Answer."
    gate: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    cost: dict[str, Sequence[float] | float] = field(default_factory=dict)
    service_s: dict[str, Sequence[float]] = field(default_factory=dict)
    answered_by: dict[str, str] = field(default_factory=dict)
    attempts: dict[str, Sequence[int]] = field(default_factory=dict)
    graded: dict[str, Sequence[float | None]] = field(default_factory=dict)
    ended: str = "2026-11-20T12:00:00+00:00"
    errors: Sequence[tuple[str, str]] = ()

    @property
    def n(self) -> int:
        """Number of cases."""
        return len(next(iter(self.answers.values())))

    @property
    def case_ids(self) -> list[str]:
        """Ids of the cases."""
        return list(self.ids) or [f"c{place:03}" for place in range(self.n)]

    @property
    def repeats(self) -> int:
        """Answers to each case."""
        first = next(iter(self.answers.values()))[0]
        return 1 if isinstance(first, str) else len(first)


def write_suite(run: GateRun, folder: Path) -> Path:
    """The suite that the run is of: suite.yaml and cases.jsonl."""
    folder.mkdir(parents=True, exist_ok=True)
    data: dict[str, Any] = {
        "name": "desk",
        "cases": {"path": "cases.jsonl", "fields": {"tags": ["tag"], "cluster": "fact"}},
        "prompts": {"house": {"system": run.system, "user": "{{input}}"}},
        "models": {"base": {"type": "openai", "model": "acme", "base_url": "https://models.acme.example/v1"}},
        "arms": {name: {"model": "base"} for name in run.answers},
        "metrics": ["exact_match"],
        "run": {"repeats": run.repeats, "latency": {"isolated": 0}},
        "prices": {
            "acme": {"input": 1.0, "output": 2.0, "as_of": "2026-11-01", "source": "made up for a test"}
        },
    }
    data |= {"gate": run.gate} if run.gate else {}
    (folder / "suite.yaml").write_text(
        yaml.safe_dump(data | run.more, sort_keys=False, allow_unicode=True), "utf-8"
    )
    rows = [
        {
            "id": case_id,
            "input": run.questions[place] if run.questions else f"Question {case_id}?",
            "reference": "right",
            "fact": run.clusters[place] if run.clusters else case_id,
            "tag": list(run.tags[place]) if run.tags else [],
        }
        for place, case_id in enumerate(run.case_ids)
    ]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "cases.jsonl").write_text(text, "utf-8")
    return folder


def write_run(
    run: GateRun, folder: Path, suite_folder: Path | None = None, *, can_ask: bool = False
) -> RunFolder:
    """The finished, sealed run in ``folder``, and its suite beside it unless one is named.

    Args:
        run: What is written.
        folder: Of the run.
        suite_folder: Of the suite.
        can_ask: Whether its digests are those of its suite, so that its arms may be asked again.
    """
    given = write_suite(run, suite_folder or folder.with_name(f"{folder.name}-suite"))
    suite = load_suite(given)
    facts = expand_arms(suite)
    folder.mkdir(parents=True)
    made = RunFolder(folder)
    (folder / "suite.yaml").write_bytes((given / "suite.yaml").read_bytes())
    with read_cases(suite) as cases:
        content, texts = CaseContent.of(suite, cases.mapping), QuestionText.of(suite)
        of_cases = [
            CaseFacts(
                id=case.id,
                cluster=case.cluster,
                tags=case.tags,
                input=texts.input_digest(case),
                content=content.digest(case),
            )
            for case in cases
        ]
        digest = cases.digest
    _write(made.file(CASES_FILE), of_cases)
    _write(made.samples_file, list(_samples(run)))
    _write(made.scores_file, list(_scores(run)))
    manifest = Manifest(
        suite=suite.name,
        suite_path=str(given),
        run_id=folder.name,
        evalkit_version="0",
        python_version="3",
        started_at=run.ended,
        finished_at=run.ended,
        seed=7,
        repeats=run.repeats,
        n_cases=run.n,
        digests=digests(prepare(suite).experiment)
        if can_ask
        else Digests(suite="s", cases=digest, data="d", prices="p"),
        arms=tuple(facts),
        files={},
    )
    made.write("manifest.json", manifest)
    seal(made)
    return made


def right(n_right: int, n: int) -> list[str]:
    """The first ``n_right`` of ``n`` answers right."""
    return ["right"] * n_right + ["wrong"] * (n - n_right)


def _write(path: Path, rows: Sequence[Any]) -> None:
    path.write_bytes(b"".join(to_json(row) + b"\n" for row in rows))


def _samples(run: GateRun) -> Any:
    for arm, answers in run.answers.items():
        for place, (case_id, outputs) in enumerate(zip(run.case_ids, answers, strict=True)):
            for repeat, output in enumerate([outputs] if isinstance(outputs, str) else outputs):
                fails = (arm, case_id) in run.errors
                cost = run.cost.get(arm)
                money = cost[place] if isinstance(cost, Sequence) else cost
                yield Sample(
                    case_id=case_id,
                    arm=arm,
                    repeat=repeat,
                    status=Status.ERROR if fails else Status.OK,
                    error="503 server overloaded" if fails else None,
                    answering_model=run.answered_by.get(arm),
                    prompt_digest="p",
                    request_digest="r",
                    output=None if fails else output,
                    finish_reason=None if fails else "stop",
                    cost=None if money is None else Cost(model=Decimal(str(money)), currency="USD"),
                    timing=Timing(
                        service_s=run.service_s[arm][place] if arm in run.service_s else 0.5,
                        attempts=run.attempts[arm][place] if arm in run.attempts else 1,
                    ),
                )


def _scores(run: GateRun) -> Any:
    for arm, answers in run.answers.items():
        for place, (case_id, outputs) in enumerate(zip(run.case_ids, answers, strict=True)):
            for repeat, output in enumerate([outputs] if isinstance(outputs, str) else outputs):
                value: float | None = float(output == "right")
                if arm in run.graded:
                    value = run.graded[arm][place]
                fails = (arm, case_id) in run.errors
                yield ScoreRow(
                    case_id=case_id,
                    arm=arm,
                    repeat=repeat,
                    metric="exact_match",
                    value=None if fails else value,
                    reason="no_answer" if fails else None if value is not None else "judge_unparsed",
                    text_rule=3,
                )
