"""A new run, or one that is resumed: its folder, its manifest, and whether it is still the same experiment."""

from __future__ import annotations

import errno
import itertools
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypedDict

from evalkit.clock import Clock
from evalkit.data.case_content import CaseContent
from evalkit.data.cases import Cases
from evalkit.data.input_files import corpus_files, example_files, extra_files, prompt_files, recorded_files
from evalkit.data.question_text import QuestionText
from evalkit.digest import digest_file, digest_folder, digest_of
from evalkit.errors import Problem, RunError
from evalkit.records.arm import ArmFacts
from evalkit.records.manifest import CaseFacts, Digests, Manifest, ModelOrigin
from evalkit.records.shard import Shard
from evalkit.store.atomic import raise_disk_error, write_atomic
from evalkit.store.jsonl import Appender
from evalkit.store.run_folder import CASES_FILE, RunFolder
from evalkit.store.seal import seal, unseal
from evalkit.suite.models import DEFAULT_MEMORY_GB, TunedModelConfig
from evalkit.suite.optimised_prompt import KEPT_FILE, kept_prompts
from evalkit.suite.schema import Suite

_PACKAGES = ("numpy", "scipy", "torch", "transformers", "peft", "openai", "google-genai", "bm25s")


@dataclass(frozen=True, slots=True)
class Experiment:
    """What a run is made from, before any model is loaded.

    Attributes:
        weights: Model name to the digest of its weights, where they are files.
        limit: How many cases, or None for all.
        models: By the same names, which model that is.
        adapter_doubts: What speaks against an adapter having been made for its model, a sentence each.
        shard: The part of it that is run; None for all of it.
        merged_from: Ids of the shards whose answers it takes over.
        answered_by: What was noted of the machine and its packages when those were made; None where they are made now.
    """

    suite: Suite
    cases: Cases
    facts: Sequence[ArmFacts]
    weights: Mapping[str, str]
    prices_as_of: str | None
    limit: int | None = None
    models: Mapping[str, ModelOrigin] = field(default_factory=dict)
    adapter_doubts: Sequence[str] = ()
    shard: Shard | None = None
    merged_from: Sequence[str] = ()
    answered_by: Manifest | None = None


def start_run(
    experiment: Experiment,
    root: Path,
    *,
    clock: Clock,
    bring: Callable[[RunFolder], None] = lambda run: None,
) -> RunFolder:
    """Make ``root/<suite>/<run-id>/`` with its manifest, the suite as written, and the facts of the cases.

    Args:
        experiment: What it is made from.
        root: The folder that holds the runs.
        clock: Gives the time that the manifest and the folder's name state.
        bring: Puts answers that are there already into the folder, before it becomes a run by its manifest.
    """
    suite, shard = experiment.suite, experiment.shard
    started = clock.now()
    # The folders of shards are brought together from several machines, which may have begun in the same second.
    part = "" if shard is None else f"-shard-{shard.index}-of-{shard.count}"
    stem = f"{started:%Y%m%d-%H%M%S}{part}"
    run = RunFolder(_new_folder(root / suite.name, stem))
    manifest = Manifest(
        suite=suite.name,
        suite_path=str(suite.folder),
        run_id=run.path.name,
        started_at=started.isoformat(timespec="seconds"),
        seed=suite.run.seed,
        repeats=suite.run.repeats,
        limit=experiment.limit,
        shard=shard,
        merged_from=tuple(experiment.merged_from),
        n_cases=len(experiment.cases),
        prices_as_of=experiment.prices_as_of,
        digests=digests(experiment),
        models=dict(experiment.models),
        adapter_doubts=tuple(experiment.adapter_doubts),
        arms=tuple(experiment.facts),
        files={},
        **provenance(suite.folder, experiment.answered_by),
    )
    _keep_suite(suite, run)
    question_text, content = QuestionText.of(suite), CaseContent.of(suite, experiment.cases.mapping)
    with Appender(run.file(CASES_FILE)) as file:
        file.append(
            CaseFacts(
                id=case.id,
                cluster=case.cluster,
                tags=case.tags,
                input=question_text.input_digest(case),
                content=content.digest(case),
            )
            for case in experiment.cases
        )
    bring(run)
    run.write("manifest.json", manifest)
    return run


def resume_run(experiment: Experiment, run: RunFolder) -> Manifest:
    """Check that a run's inputs are what they were; metrics, economics and decision settings may differ.

    Raises:
        RunError: Something that decides the answers has changed.
    """
    manifest = run.manifest()
    if changed := changed_inputs(digests(experiment), manifest.digests):
        raise RunError(
            Problem(
                str(run.path),
                None,
                "",
                f"cannot go on, since {' and '.join(changed)} changed after it began. Start a new run; answers that "
                "are still valid come from the cache.",
            )
        )
    manifest = unseal(run, finished_at=None)  # not finished any more, until its last stage has ended again
    _keep_suite(experiment.suite, run)
    return manifest


def changed_inputs(now: Digests, then: Digests) -> list[str]:
    """What decides the answers and differs, in words."""
    return [
        words
        for words, same in (
            ("the suite's models, prompts, arms or seed", now.suite == then.suite),
            ("the cases", now.cases == then.cases),
            ("an example, training, corpus, prompt or answer file", now.data == then.data),
            ("a model's weights", dict(now.weights) == dict(then.weights)),
        )
        if not same
    ]


def _keep_suite(suite: Suite, run: RunFolder) -> None:
    """The suite as written, and the prompts that it reads from files."""
    write_atomic(run.file("suite.yaml"), suite.source.kept_text.encode())
    if (prompts := kept_prompts(suite)) is not None:
        write_atomic(run.file(KEPT_FILE), prompts)


def _new_folder(parent: Path, stem: str) -> Path:
    """A folder that no other run has, also not one that begins in this very moment."""
    for count in itertools.count(1):
        folder = parent / (stem if count == 1 else f"{stem}-{count}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if not folder.is_dir():
                raise_disk_error(folder, FileExistsError(errno.EEXIST, "a file is in the way"))
        except OSError as error:
            raise_disk_error(folder, error)
        else:
            return folder
    raise AssertionError("counting does not end")


def finish_run(run: RunFolder, *, clock: Clock) -> None:
    """Write into the manifest that the run ended, when, and what its files are."""
    seal(run, finished_at=clock.now().isoformat(timespec="seconds"))


_DECIDES_NO_ANSWER = {
    "prompts": {"__all__": {"optimised_on"}},
    "models": {"__all__": {"successor", "memory_gb"}},
    "arms": {"__all__": {"prefix_tokens"}},
}


def digests(experiment: Experiment) -> Digests:
    """Content digests of what decides the answers."""
    suite = experiment.suite
    answering = suite.model_dump(
        mode="json", include={"cases", "prompts", "models", "arms"}, exclude=_DECIDES_NO_ANSWER
    )
    if suite.embedders:
        answering["embedders"] = suite.model_dump(mode="json", include={"embedders"})["embedders"]
    # Where it is not the default it decides the low bits of what is trained; where it is, runs of before are the same.
    if memory := {
        name: config.memory_gb
        for name, config in suite.models.items()
        if isinstance(config, TunedModelConfig) and config.memory_gb != DEFAULT_MEMORY_GB
    }:
        answering["memory_gb"] = memory
    if suite.extra_cases:  # their margins and metrics decide no answer
        deciding = {"path", "format", "fields"}
        answering["extra_cases"] = {
            name: extra.model_dump(mode="json", include=deciding) for name, extra in suite.extra_cases.items()
        }
    listings = (example_files, corpus_files, recorded_files, extra_files, prompt_files)
    files = sorted({path for files_of in listings for path in files_of(suite)})
    by_file = {name: _digest_path(suite.path(name)) for name in files}
    return Digests(
        suite=digest_of([answering, suite.run.seed, suite.run.repeats]),
        cases=experiment.cases.digest,
        data=digest_of([[name, digest] for name, digest in by_file.items()]),
        prices=digest_of(suite.model_dump(mode="json", include={"prices"})),
        weights=dict(experiment.weights),
        files=by_file,
    )


def _digest_path(path: Path) -> str:
    return digest_folder(path) if path.is_dir() else digest_file(path)


class Provenance(TypedDict):
    """Fields of the manifest that say what made a run."""

    evalkit_version: str
    python_version: str
    packages: dict[str, str]
    git_commit: str | None
    platform: str


def provenance(folder: Path, answered_by: Manifest | None = None) -> Provenance:
    """Versions, machine, and the commit of the repository that ``folder`` is in.

    Args:
        folder: The suite's.
        answered_by: The run whose answers are taken over: its machine, Python and packages are stated.
    """
    made: Provenance = {
        "evalkit_version": _version_of("evalkit") or "0",
        "python_version": platform.python_version(),
        "packages": {name: release for name in _PACKAGES if (release := _version_of(name)) is not None},
        "git_commit": _git_commit(folder),
        "platform": f"{sys.platform} {platform.machine()}",
    }
    if answered_by is not None:
        made["packages"] |= answered_by.packages
        made["python_version"], made["platform"] = answered_by.python_version, answered_by.platform
    return made


def _version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git_commit(folder: Path) -> str | None:
    """The commit of the suite's repository, or None outside of one."""
    if (git := shutil.which("git")) is None:
        return None
    # Never started inside the folder: where PATH has a relative entry, the folder's own `git` would be run. `rev-parse`
    # runs neither hooks nor filters, whatever the repository's configuration says.
    command = [str(Path(git).absolute()), "-C", str(folder.absolute()), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
