"""``evalkit validate``."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.options import (
    allow_outside_option,
    env_file_option,
    json_option,
    print_json,
    read_env_files,
)
from evalkit.cli.screen import say, tell


@click.command(name="validate")
@click.argument("suite", type=click.Path(path_type=Path))
@allow_outside_option
@env_file_option
@json_option
def command(suite: Path, allow_outside: bool, env_file: tuple[Path, ...], as_json: bool) -> int:
    """Check a suite and every file it names, and say how columns are read, without running a model."""
    read_env_files(env_file)
    from evalkit.pipeline import spine
    from evalkit.pipeline.train import check_local_models
    from evalkit.pricing.check_prices import check_cost_limit
    from evalkit.suite.load import read_suite
    from evalkit.suite.trust import Trust

    prepared = spine.prepare(read_suite(suite, Trust(plugins="leave", outside=allow_outside)))
    if prepared.suite.run.cost_limit is not None:
        check_cost_limit(prepared.suite, prepared.prices)
    for warning in check_local_models(prepared.suite, download=False):
        tell(f"Warning: {warning}")
    arms = [arm.facts for arm in prepared.arms]
    candidates = [facts.name for facts in arms if facts.role == "candidate"]
    cells = len(prepared.cases) * len(arms) * prepared.suite.run.repeats
    metrics = [metric.name for metric in prepared.suite.metrics]
    notes = prepared.doubts
    if as_json:
        summary = {
            "suite": prepared.suite.name,
            "cases": len(prepared.cases),
            "arms": [facts.name for facts in arms],
        }
        print_json(
            {
                **summary,
                "candidates": candidates,
                "metrics": metrics,
                "cells": cells,
                "files": prepared.readings,
                "notes": notes,
            }
        )
    else:
        for reading in prepared.readings:
            say(reading.words())
        for note in notes:
            say(f"Note: {note}.")
        fine = (
            "All files are fine."
            if not notes
            else "All files can be read; the notes above say what is doubtful."
        )
        say(
            f"{prepared.suite.name}: {len(prepared.cases)} cases, {len(arms)} arms "
            f"(candidates: {', '.join(candidates)}), metrics: {', '.join(metrics)}; "
            f"a run answers {cells:,} cells. {fine}"
        )
    return 0
