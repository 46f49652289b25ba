"""What is asked beside the cases: extra task sets, and the training rows; each kept in a run folder of its own."""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from evalkit.calls.caller import Caller
from evalkit.comparison.table import ScoreTable, build_table
from evalkit.data.examples import read_examples
from evalkit.pipeline.base_knowledge import probe_arm, probe_cases, share_answered, tuned_on
from evalkit.pipeline.prepare import Prepared
from evalkit.pricing.prices_in_force import pricer
from evalkit.records.arm import ArmFacts
from evalkit.records.profile import Profile
from evalkit.runner.answer import Session, answer_arm
from evalkit.runner.cells import ArmTask
from evalkit.runner.journal import Journal
from evalkit.store.run_folder import RunFolder
from evalkit.suite.models import TunedModelConfig
from evalkit.suite.schema import Suite


def extra_folder(run: RunFolder, name: str) -> RunFolder:
    """Where the samples and scores of an extra task set are kept, apart from those of the run."""
    return _inner(run, "extra", name)


def answers_extra(suite: Suite, arm: ArmFacts) -> bool:
    """Whether an arm answers the extra task sets: what was before tuning, and what came of it."""
    return arm.role == "candidate" and (arm.tuned or arm.name == suite.reference_arm)


def extra_table(prepared: Prepared, run: RunFolder, name: str) -> ScoreTable:
    """The scores of an extra task set as arrays."""
    beside = extra_folder(run, name)
    metric = prepared.suite.extra_metric(name)
    return build_table(run.manifest(), prepared.extra[name], beside.samples(), beside.scores(), metric)


async def ask_training_rows(
    prepared: Prepared, run: RunFolder, base: str, caller: Caller, session: Session
) -> None:
    """Training rows -> what the model they are to tune answers already, for the profile; journaled apart."""
    suite = prepared.suite
    for tuned, trained in tuned_on(suite, base).items():
        if session.stop.asked:
            return
        cases = probe_cases(read_examples(suite.path(trained.train), suite))
        work = ArmTask(probe_arm(suite, tuned), caller, pricer(suite, base, prepared.prices))
        with Journal(probe_folder(run, tuned)) as journal:
            await answer_arm(work, cases, len(cases), replace(session, journal=journal, repeats=1))


def probe_folder(run: RunFolder, tuned: str) -> RunFolder:
    """Where the answers to the training rows of a tuned model are kept, apart from those of the run."""
    return _inner(run, "known", tuned)


def note_known_rows(prepared: Prepared, run: RunFolder) -> Profile:
    """Answers to training rows -> their share, in the profile."""
    suite, profile = prepared.suite, run.read("profile.json", Profile)
    metric = prepared.metrics[suite.primary_metric]
    for name, config in suite.models.items():
        if isinstance(config, TunedModelConfig) and run.has(f"known/{name}/samples.jsonl"):
            cases = probe_cases(read_examples(suite.path(config.train), suite))
            share, asked = share_answered(probe_folder(run, name).samples(), cases, metric)
            rows = structs.replace(profile.training[config.train], base_already_right=share, base_asked=asked)
            profile = structs.replace(profile, training={**profile.training, config.train: rows})
            run.write("profile.json", profile)
    return profile


def _inner(run: RunFolder, group: str, name: str) -> RunFolder:
    folder = run.file(group) / name
    folder.mkdir(parents=True, exist_ok=True)
    return RunFolder(folder)
