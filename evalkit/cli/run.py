"""``evalkit run``."""

from __future__ import annotations

import warnings
from pathlib import Path

import click

from evalkit.cli.options import (
    allow_outside_option,
    allow_plugins_option,
    env_file_option,
    json_option,
    output_option,
    parse_limit,
    parse_money,
    print_json,
    read_env_files,
)


@click.command(name="run")
@click.argument("suite", type=click.Path(path_type=Path))
@output_option
@click.option(
    "-j", "--max-concurrency", type=click.IntRange(min=1), help="Requests in flight to a hosted model."
)
@click.option("--limit", metavar="N", help="Only the first N cases, or a share such as 0.1.")
@click.option("--resume", metavar="RUN", help="Go on with this run: its id, its folder, or `latest`.")
@click.option("--retry-errors", is_flag=True, help="With --resume: ask failed cells again.")
@click.option("--no-cache", is_flag=True, help="Neither replay earlier answers nor keep new ones.")
@click.option("--cost-limit", metavar="MONEY", help="Stop before more than this is spent.")
@click.option("--shard", metavar="N/COUNT", help="Answer only this part of the run; `merge` joins all parts.")
@allow_plugins_option
@allow_outside_option
@env_file_option
@json_option
def command(
    suite: Path,
    output: Path,
    max_concurrency: int | None,
    limit: str | None,
    resume: str | None,
    retry_errors: bool,
    no_cache: bool,
    cost_limit: str | None,
    shard: str | None,
    allow_plugins: bool,
    allow_outside: bool,
    env_file: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Answer, score, compare, decide and report.

    SUITE is a folder with suite.yaml. Ctrl-C finishes what is in flight and prints how to go on.
    """
    read_env_files(env_file)
    from evalkit import api
    from evalkit.cli.progress import shown_progress
    from evalkit.cli.show import show_run, show_shard
    from evalkit.data.cases import read_cases
    from evalkit.errors import IncompleteRunWarning, InputError
    from evalkit.suite.load import load_suite

    if retry_errors and resume is None:
        raise InputError("--retry-errors goes with --resume RUN; a new run has no failed cell yet")
    loaded = load_suite(suite, allow_plugins=allow_plugins, allow_outside=allow_outside)
    loaded = loaded.with_env_files(env_file)
    with shown_progress() as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore", IncompleteRunWarning)  # said as an error below
        done = api.run(
            loaded,
            output=output,
            limit=parse_limit(limit, lambda: len(read_cases(loaded))),
            resume=resume,
            retry_errors=retry_errors,
            use_cache=not no_cache,
            max_concurrency=max_concurrency,
            cost_limit=parse_money(cost_limit, "--cost-limit"),
            shard=shard,
            progress=progress,
        )
    if (part := done.shard_answers) is not None:
        print_json(part) if as_json else show_shard(part)
    elif as_json:
        print_json(done.decision)
    else:
        show_run(done)
    if done.incomplete is not None:  # all else is done and was shown: now what is owed
        raise done.incomplete
    return 0
