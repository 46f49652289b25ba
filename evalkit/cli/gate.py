"""``evalkit gate``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.cli.options import (
    allow_outside_option,
    allow_plugins_option,
    env_file_option,
    json_option,
    output_option,
    parse_money,
    print_json,
    read_env_files,
)
from evalkit.cli.screen import ci_stream, say, tell
from evalkit.errors import EvalkitError, InputError

if TYPE_CHECKING:
    from evalkit.store.run_folder import RunFolder
    from evalkit.suite.trust import Trust


@click.command(name="gate")
@click.argument("suite_or_run", metavar="SUITE|RUN")
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of the run to compare with; default: baseline.json in the suite's folder.",
)
@click.option("--update-baseline", is_flag=True, help="Write the baseline of this run instead of judging it.")
@click.option("--outputs", is_flag=True, help="With --update-baseline: keep the answers themselves too.")
@click.option("--plan", is_flag=True, help="Only say what the gate can see on these cases; runs nothing.")
@output_option
@click.option(
    "--resume", metavar="RUN", help="With a SUITE: go on with this run; failed cells are asked again."
)
@click.option("--no-cache", is_flag=True, help="Neither replay earlier answers nor keep new ones.")
@click.option(
    "--cost-limit", metavar="MONEY", help="Stop before more than this is spent, confirming included."
)
@allow_plugins_option
@allow_outside_option
@env_file_option
@json_option
def command(
    suite_or_run: str,
    baseline: Path | None,
    update_baseline: bool,
    outputs: bool,
    plan: bool,
    output: Path,
    resume: str | None,
    no_cache: bool,
    cost_limit: str | None,
    allow_plugins: bool,
    allow_outside: bool,
    env_file: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Compare a run with a baseline by the rules of the suite's `gate:` section.

    A SUITE is run first; a RUN is a finished one. Exit 0: passed, or inconclusive and said so; 100: failed; 101:
    inconclusive with `on_inconclusive: fail`; 102: not comparable; 103: cost limit; 104: answers are missing.
    """
    read_env_files(env_file)
    from evalkit.suite.trust import allowed

    if plan and (update_baseline or resume is not None):
        raise InputError("--plan only says what the gate can see; leave --update-baseline and --resume out")
    if outputs and not update_baseline:
        raise InputError("--outputs goes with --update-baseline: it says what the baseline keeps")
    asked = _Asked(
        target=suite_or_run,
        trust=allowed(plugins=allow_plugins, outside=allow_outside),
        output=output,
        baseline=baseline,
        use_cache=not no_cache,
        cost_limit=parse_money(cost_limit, "--cost-limit"),
        env_files=env_file,
        as_json=as_json,
    )
    with _told_to_ci(asked):
        if plan:
            return _plan(asked)
        run = _finished_run(asked, resume, judges=not update_baseline)
        return _update(run, asked, outputs=outputs) if update_baseline else _gate(run, asked)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was typed."""

    target: str
    trust: Trust
    output: Path
    baseline: Path | None
    use_cache: bool
    cost_limit: Decimal | None
    env_files: tuple[Path, ...]
    as_json: bool

    def file(self, suite_folder: str | Path) -> Path:
        """The file of the baseline."""
        from evalkit.pipeline.gate_inputs import baseline_file

        return baseline_file(suite_folder, self.baseline)


@contextmanager
def _told_to_ci(asked: _Asked) -> Iterator[None]:
    """Tell a CI system why nothing was judged, where that is so."""
    from evalkit.reporting.gate.tell_ci import tell_ci_refusal

    try:
        yield
    except EvalkitError as error:
        stream = ci_stream(json_on_stdout=asked.as_json)
        for sentence in tell_ci_refusal(str(error), error.exit_code, os.environ, stream):
            tell(sentence)
        raise


def _finished_run(asked: _Asked, resume: str | None, *, judges: bool) -> RunFolder:
    """The run that is named, or one made of the suite that is named."""
    from evalkit.pipeline.gate_inputs import find_finished, names_suite

    if names_suite(asked.target):
        return _run_suite(asked, resume, judges=judges)
    if resume is not None:
        raise InputError(f"--resume goes with a SUITE; {asked.target} is a finished run")
    run, notice = find_finished(asked.target, asked.output)
    if notice is not None:
        tell(notice)
    return run


def _run_suite(asked: _Asked, resume: str | None, *, judges: bool) -> RunFolder:
    from evalkit import api
    from evalkit.cli.progress import shown_progress
    from evalkit.errors import IncompleteRunWarning
    from evalkit.pipeline.gate_run import check_before_run
    from evalkit.suite.load import read_suite

    suite = read_suite(asked.target, asked.trust).with_env_files(asked.env_files)
    if judges:
        check_before_run(suite, asked.file(suite.folder))
    with shown_progress() as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore", IncompleteRunWarning)  # said as an error below
        done = api.run(
            suite,
            output=asked.output,
            resume=resume,
            retry_errors=resume is not None,
            use_cache=asked.use_cache,
            cost_limit=asked.cost_limit,
            progress=progress,
        )
    if done.incomplete is not None:
        raise done.incomplete
    return done.folder


def _update(run: RunFolder, asked: _Asked, *, outputs: bool) -> int:
    from evalkit.pipeline.gate_run import update_baseline

    file = asked.file(run.manifest().suite_path)
    written = update_baseline(run, file, outputs=outputs, allow_outside=asked.trust.outside)
    if asked.as_json:
        print_json(written)
        return 0
    arms = ", ".join(arm.name for arm in written.arms)
    say(f"Baseline of run {written.run_id} written to {file}: {_cases(len(written.cases))}; arms {arms}.")
    if written.set_aside:
        say(
            f"{len(written.set_aside):,} cases stand in the training rows, or with one that does, and are left out."
        )
    say("Commit it, so that every later run is compared with it.")
    return 0


def _cases(number: int) -> str:
    return f"{number:,} case" if number == 1 else f"{number:,} cases"


def _gate(run: RunFolder, asked: _Asked) -> int:
    from evalkit.cli.progress import shown_progress
    from evalkit.pipeline.gate_run import GateOptions, gate_run
    from evalkit.reporting.gate.tell_ci import commands_stopped, tell_ci

    file = asked.file(run.manifest().suite_path)
    with shown_progress() as progress:
        options = GateOptions(asked.use_cache, asked.cost_limit, progress, asked.trust)
        result = gate_run(run, file, options)
    stream = ci_stream(json_on_stdout=asked.as_json)
    with commands_stopped(os.environ, stream):
        if asked.as_json:
            print_json(result)
        else:
            from evalkit.cli.screen import console
            from evalkit.reporting.gate.gate_terminal import print_gate

            print_gate(result, console())
            say(f"\nIn {run.path}: gate.json, gate.md and junit.xml.")
    for sentence in tell_ci(result, os.environ, stream):
        tell(sentence)
    return result.exit_code


def _plan(asked: _Asked) -> int:
    from evalkit.pipeline.gate_inputs import find_finished, kept_suite, names_suite
    from evalkit.pipeline.plan_gate import plan_gate
    from evalkit.store.baseline_file import read_baseline
    from evalkit.suite.load import read_suite

    if names_suite(asked.target):
        suite = read_suite(asked.target, asked.trust)
    else:
        run, _ = find_finished(asked.target, asked.output)
        suite = kept_suite(run, allow_outside=asked.trust.outside)
    file = asked.file(suite.folder)
    known = asked.baseline is not None or file.is_file()
    plan = plan_gate(suite, read_baseline(file) if known else None)
    if asked.as_json:
        print_json(plan)
    else:
        for sentence in plan.words:
            say(sentence)
    return 0
