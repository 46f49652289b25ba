"""Whether runs are the shards of one run: each there once, ended, and with no cell that is missing or there twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.errors import IncompleteRunError, Problem, RunError
from evalkit.pipeline.check_run import check_run
from evalkit.pipeline.prepare import Prepared
from evalkit.pipeline.typed_commands import resume_command, shard_command
from evalkit.records.manifest import Manifest
from evalkit.records.sample import Sample
from evalkit.records.shard import Shard
from evalkit.runner.run_start import Experiment, changed_inputs, digests
from evalkit.runner.session import AnswerCounts
from evalkit.store.run_folder import RunFolder, find_run
from evalkit.suite.models import EmbeddedModelConfig, TransformersModelConfig, TunedModelConfig

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class ShardRun:
    """A run that is a shard."""

    run: RunFolder
    manifest: Manifest
    shard: Shard


def read_shards(runs: Sequence[RunFolder]) -> list[ShardRun]:
    """The shards in their order, undamaged and of one suite; whether all are there is not looked at.

    Raises:
        RunError: One is damaged or no shard, is there twice, or is of another run than the first.
    """
    shards = []
    for run in runs:
        manifest = run.manifest()
        if manifest.shard is None:
            raise _error(run, "is no shard of a run; `evalkit run SUITE --shard 1/8` makes one of eight")
        check_run(run)
        shards.append(ShardRun(run, manifest, manifest.shard))
    by_index: dict[int, ShardRun] = {}
    for each in shards:
        _check_alike(shards[0], each)
        if (twin := by_index.setdefault(each.shard.index, each)) is not each:
            same = each.run.path.resolve() == twin.run.path.resolve()
            both = f"is shard {each.shard}, and so is {twin.run.path}; name one of them"
            raise _error(each.run, "is named twice; once is enough" if same else both)
    return [by_index[index] for index in sorted(by_index)]


def _check_alike(first: ShardRun, other: ShardRun) -> None:
    pairs: tuple[tuple[str, object, object], ...] = (
        ("suite", first.manifest.suite, other.manifest.suite),
        ("number of shards", first.shard.count, other.shard.count),
        ("--limit", first.manifest.limit, other.manifest.limit),
    )
    for what, here, there in pairs:
        if here != there:
            message = f"is of another run than {first.run.path}: its {what} is {there}, there it is {here}"
            raise _error(other.run, message)
    if changed := changed_inputs(first.manifest.digests, other.manifest.digests):
        message = (
            f"was not answered under the inputs of {first.run.path}: {' and '.join(changed)} changed in between. "
            "Answer the older shards again; answers that are still valid come from the cache"
        )
        raise _error(other.run, message)


def check_whole(shards: Sequence[ShardRun], experiment: Experiment) -> None:
    """Refuse shards that are not all there, have not ended, or were answered under other inputs than there are now.

    Args:
        shards: From :func:`read_shards`.
        experiment: The suite as it is now: the answers will be scored with it.

    Raises:
        RunError: A shard is missing, or the suite has changed.
        IncompleteRunError: A shard has not ended; holds the command that goes on with it.
    """
    suite, count = experiment.suite, shards[0].shard.count
    if changed := changed_inputs(digests(experiment), shards[0].manifest.digests):
        raise RunError(
            f"{' and '.join(changed)} of {suite.source.file} changed since the shards were answered; merge them with "
            "the suite as it was, or answer them again: answers that are still valid come from the cache"
        )
    there = {each.shard.index for each in shards}
    if missing := [index for index in range(1, count + 1) if index not in there]:
        limit = shards[0].manifest.limit
        commands = [
            shard_command(suite, Shard(index=index, count=count), limit) for index in missing[:_SHOWN]
        ]
        listed = ", ".join(f"{index}/{count}" for index in missing[: 3 * _SHOWN])
        more = ", ..." if len(missing) > 3 * _SHOWN else ""
        raise RunError(
            f"{len(missing)} of {count} shards missing: {listed}{more}. Name their runs too, or answer them:\n  "
            + "\n  ".join(commands)
        )
    if open_ones := [each for each in shards if each.manifest.finished_at is None]:
        commands = [resume_command(suite, each.run) for each in open_ones]
        listed = ", ".join(str(each.shard) for each in open_ones)
        raise IncompleteRunError(
            f"Not ended: {listed}. Nothing was merged. Go on with:\n  " + "\n  ".join(commands),
            str(open_ones[0].run.path),
        )


def suite_of_shards(shards: Sequence[str | Path], root: Path) -> Path:
    """Where the suite of the first shard lay when that began.

    Args:
        shards: As a user names them: folders or ids.
        root: The folder that holds the runs.

    Raises:
        RunError: There is no such run, or no suite there.
    """
    run = find_run(shards[0], root)
    path = Path(run.manifest().suite_path)
    if not path.exists():
        message = f"its suite lay in {path}, where nothing is now; say where it is with --suite"
        raise _error(run, message)
    return path


def resumed_shard(run: RunFolder, asked: Shard | None) -> Shard | None:
    """The part that a resumed run is; None for a whole run.

    Raises:
        RunError: Another part was asked for.
    """
    shard = run.manifest().shard
    if asked is not None and asked != shard:
        is_what = "is a whole run" if shard is None else f"is shard {shard}"
        raise _error(
            run, f"{is_what} and cannot go on as shard {asked}; leave --shard out, or start a new run"
        )
    return shard


class CellCheck:
    """Counts the cells of shards as their rows go by, and finds one that is there twice or of another run.

    Memory: a hash of 8 bytes for each cell.

    Args:
        cases: Ids of the cases.
        repeats: Of each case.
        arms: Names of the arms that answer them; None where those that have a row are taken to.
    """

    def __init__(self, cases: Sequence[str], repeats: int, arms: Sequence[str] | None) -> None:
        self.counts: dict[str, AnswerCounts] = {}
        self._cases = dict.fromkeys(cases)
        self._repeats = repeats
        self._arms = None if arms is None else list(arms)
        self._seen: set[int] = set()

    def add(self, shard: ShardRun, file: RunFolder, rows: Iterable[Sample]) -> None:
        """Count the last row of each cell of one shard.

        Raises:
            RunError: A row is of no cell of the run, or another shard answered the cell too.
        """
        for row in rows:
            place = f"holds an answer to case {row.case_id!r} by arm {row.arm!r}"
            known = row.case_id in self._cases and row.repeat < self._repeats
            if not known or (self._arms is not None and row.arm not in self._arms):
                raise _error(file, f"{place}, repeat {row.repeat}, which is no cell of this run")
            key = hash(row.key)
            if key in self._seen:
                message = f"{place} that another shard holds too; answer shard {shard.shard} again"
                raise _error(file, message)
            self._seen.add(key)
            self.counts.setdefault(row.arm, AnswerCounts()).count(row)

    def check_all(self, shards: Sequence[ShardRun]) -> None:
        """Refuse a cell that no shard has a row of.

        Raises:
            RunError: There is one; says which, and what made the shards.
        """
        arms = list(self.counts) if self._arms is None else self._arms
        cells = len(arms) * len(self._cases) * self._repeats
        if len(self._seen) == cells:
            return
        case_id, arm = next(
            (case_id, arm)
            for arm in arms
            for case_id in self._cases
            for repeat in range(self._repeats)
            if hash((case_id, arm, repeat)) not in self._seen
        )
        raise RunError(
            f"{cells - len(self._seen)} of {cells} cells are in no shard, the first of them case {case_id!r} by arm "
            f"{arm!r}. Different versions may divide a run differently; these shards were made by evalkit "
            f"{_versions(shards)}. Answer all of them again with one version"
        )


def version_note(shards: Sequence[ShardRun]) -> str | None:
    """A sentence where the shards were made by several versions of evalkit."""
    made_by = {each.manifest.evalkit_version for each in shards}
    return f"Note: these shards were made by evalkit {_versions(shards)}." if len(made_by) > 1 else None


def batch_note(prepared: Prepared) -> str | None:
    """A sentence where arms of local models were answered in batches of one shard, not of the whole run."""
    local = EmbeddedModelConfig | TransformersModelConfig | TunedModelConfig
    arms = [
        arm.name
        for arm in prepared.arms
        if arm.searcher is not None and isinstance(prepared.suite.models[arm.facts.model], local)
    ]
    if not arms:
        return None
    return (
        f"Note: passages found by vectors for a model of this machine ({', '.join(arms)}): each shard batched its own "
        "cases, so tokens read from a shared prefix, costs and last bits may differ from those of one run."
    )


def _versions(shards: Sequence[ShardRun]) -> str:
    made_by: dict[str, list[str]] = {}
    for each in shards:
        made_by.setdefault(each.manifest.evalkit_version, []).append(str(each.shard))
    if len(made_by) == 1:
        return next(iter(made_by))
    return " and ".join(f"{version} ({', '.join(parts)})" for version, parts in sorted(made_by.items()))


def _error(run: RunFolder, message: str) -> RunError:
    return RunError(Problem(str(run.path), None, "", message))
