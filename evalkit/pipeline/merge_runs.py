"""The shards of a run as one run: their answers brought together, then scored, compared, decided and reported once.

What each shard wrote is joined file by file; what rests on all answers (profile, scores, negative control, comparison,
decision) is made here, once, so that it is what one run would have made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from msgspec import structs

from evalkit.clock import Clock
from evalkit.errors import RunError
from evalkit.pipeline import spine
from evalkit.pipeline.answer import timed_alone
from evalkit.pipeline.base_knowledge import probe_folder
from evalkit.pipeline.extra_cases import extra_folder
from evalkit.pipeline.indexes import RETRIEVAL_FILE, index_facts
from evalkit.pipeline.observations import ANSWERING_FILE, answering_of
from evalkit.pipeline.shard_checks import CellCheck, ShardRun
from evalkit.records.retrieval import IndexFacts, RetrievalReport
from evalkit.records.run_observations import EventLoopLag, RunObservations
from evalkit.records.sample import LatencyRow
from evalkit.records.tuning import TuningReport, TuningRun
from evalkit.runner.latency import seconds_alone
from evalkit.runner.run_start import start_run
from evalkit.runner.session import AnswerCounts
from evalkit.store.jsonl import JsonLines, rewrite
from evalkit.store.run_folder import PromptRow, RunFolder
from evalkit.suite.models import TunedModelConfig

_TUNING_FILE = "tuning.json"


def join_shards(
    shards: Sequence[ShardRun], prepared: spine.Prepared, root: Path, *, clock: Clock
) -> tuple[RunFolder, dict[str, AnswerCounts]]:
    """A new run with the answers of all shards, not yet scored, and how its cells ended.

    Args:
        shards: All of them, in order, checked.
        prepared: Their suite.
        root: The folder that holds the runs.
        clock: Gives the time that the run states.

    Raises:
        RunError: A cell is in no shard or in two, or shards answered with different trainings of one model.
    """
    counts = _checked_cells(shards, prepared)
    joined = _joined_records(shards)

    def bring(run: RunFolder) -> None:
        _join_rows(run, [each.run for each in shards])
        rewrite(run.latency_file, timed_rows(shards, prepared))
        for folder_of, name in _inner_folders(prepared):
            parts = [folder_of(each.run, name) for each in shards]
            if any(part.samples_file.exists() for part in parts):
                _join_rows(folder_of(run, name), parts)
        for name, record in joined:
            run.write(name, record)

    experiment = replace(
        prepared.experiment,
        merged_from=[each.manifest.run_id for each in shards],
        answered_by=shards[0].manifest,
    )
    return start_run(experiment, root, clock=clock, bring=bring), counts


def _checked_cells(shards: Sequence[ShardRun], prepared: spine.Prepared) -> dict[str, AnswerCounts]:
    """How the cells ended, by arm, those of extra task sets under names of their own."""
    manifest = shards[0].manifest
    check = CellCheck(prepared.cases.ids, manifest.repeats, [arm.name for arm in manifest.arms])
    for each in shards:
        check.add(each, each.run, each.run.samples())
    check.check_all(shards)
    counts = dict(check.counts)
    for name, cases in prepared.extra.items():
        check = CellCheck(cases.ids, manifest.repeats, None)
        for each in shards:
            extra = extra_folder(each.run, name)
            check.add(each, extra, extra.samples())
        check.check_all(shards)
        counts |= {f"{arm} on {name}": count for arm, count in check.counts.items()}
    return counts


def _inner_folders(prepared: spine.Prepared) -> Iterator[tuple[Callable[[RunFolder, str], RunFolder], str]]:
    """What gives the folder of each extra task set, and of the training rows that each tuned model's base was asked."""
    for name in prepared.extra:
        yield extra_folder, name
    for name, config in prepared.suite.models.items():
        if isinstance(config, TunedModelConfig):
            yield probe_folder, name


def _join_rows(target: RunFolder, parts: Sequence[RunFolder]) -> None:
    """The samples of all parts, each cell's last row, and their prompts, each once."""
    rewrite(target.samples_file, (sample for part in parts for sample in part.samples()))
    rewrite(target.prompts_file, _prompts(parts))


def _prompts(parts: Sequence[RunFolder]) -> Iterator[PromptRow]:
    seen: set[int] = set()
    for part in parts:
        for row in JsonLines(part.prompts_file, PromptRow):
            if (key := hash(row.digest)) not in seen:
                seen.add(key)
                yield row


def timed_rows(shards: Sequence[ShardRun], prepared: spine.Prepared) -> Iterator[LatencyRow]:
    """The isolated pass as one run has it: each arm's rows in its order, up to the one that reaches the limit.

    A shard stops at that limit by its own rows alone, so it never lacks one that stands before the common end.
    """
    rows = {(row.arm, row.case_id): row for each in shards for row in each.run.latency()}
    order = timed_alone(prepared.suite, prepared.cases)
    for arm in shards[0].manifest.arms:
        spent_s = 0.0
        for case_id in order:
            row = rows.get((arm.name, case_id))
            if row is None:  # the call failed
                continue
            if spent_s >= prepared.suite.run.latency.max_s:
                break
            yield row
            spent_s += seconds_alone([row])


def _joined_records(
    shards: Sequence[ShardRun],
) -> list[tuple[str, TuningReport | RetrievalReport | RunObservations]]:
    """The trainings, indexes and observations of all shards, each with the name of its file."""
    joined: list[tuple[str, TuningReport | RetrievalReport | RunObservations]] = []
    if trainings := _trainings(shards):
        joined.append((_TUNING_FILE, trainings))
    indexes: dict[str, list[IndexFacts]] = {}
    for each in shards:
        for arm, facts in index_facts(each.run).items():
            indexes.setdefault(arm, []).append(facts)
    if indexes:
        report = RetrievalReport(indexes={arm: joined_index(facts) for arm, facts in indexes.items()})
        joined.append((RETRIEVAL_FILE, report))
    if observed := [seen for each in shards if (seen := answering_of(each.run)) is not None]:
        joined.append((ANSWERING_FILE, joined_observations(observed)))
    return joined


def _trainings(shards: Sequence[ShardRun]) -> TuningReport | None:
    """The trainings of the first shard, which those of all others must equal but for time, memory and money."""
    reports = [
        (each, each.run.read(_TUNING_FILE, TuningReport)) for each in shards if each.run.has(_TUNING_FILE)
    ]
    if not reports:
        return None
    (first, report), *others = reports
    for each, other in others:
        for one, two in zip(report.runs, other.runs, strict=False):
            if _result(one) != _result(two):
                raise RunError(
                    f"shards {first.shard} and {each.shard} answered with different trainings of {one.model!r} (last "
                    f"training loss {one.final_train_loss:.6g} and {two.final_train_loss:.6g}), so their answers are "
                    "not of one model. Train once with `evalkit tune`, give every shard the cache folder that it "
                    "leaves, and answer the shards again"
                )
    return report


def _result(run: TuningRun) -> TuningRun:
    return structs.replace(
        run,
        seconds=0.0,
        attempts=1,
        peak_memory_bytes=0,
        device_memory_bytes=None,
        device_cost=None,
        cached=False,
    )


def joined_index(facts: Sequence[IndexFacts]) -> IndexFacts:
    """An index that every shard searched: as it was built, with its recall over the questions of all shards."""
    built = next((each for each in facts if not each.reused), facts[0])
    compared = sum(each.compared for each in facts)
    if not compared:
        return built
    agreed = sum((each.recall or 0.0) * each.compared for each in facts)
    return structs.replace(built, recall=agreed / compared, compared=compared)


def joined_observations(observed: Sequence[RunObservations]) -> RunObservations:
    """Beats of all clients added up; of each model's announced days those of the shard that read them last."""
    client: dict[str, EventLoopLag] = {}
    announced: dict[str, RunObservations] = {}
    unread: dict[str, str] = {}
    for each in sorted(observed, key=lambda seen: max((day.read_on for day in seen.announced), default="")):
        for arm, lag in each.client.items():
            client[arm] = client.get(arm, EventLoopLag()) + lag
        for day in each.announced:
            announced[day.model] = each
        unread |= each.unread
    return RunObservations(
        client=client,
        announced=tuple(
            day for model, last in announced.items() for day in last.announced if day.model == model
        ),
        unread={model: why for model, why in unread.items() if model not in announced},
    )
