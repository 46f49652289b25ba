"""``evalkit import``."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.options import json_option, print_json
from evalkit.cli.screen import tell


@click.group(name="import")
def command() -> None:
    """Make a run of scores from elsewhere; `decide`, `report` and `compare` take it like any other run."""


@command.command(name="table")
@click.argument("table", type=click.Path(path_type=Path))
@click.option(
    "--suite",
    type=click.Path(path_type=Path),
    help="A suite.yaml, or part of one: economics, prices, models, decision.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the run; default: reports/NAME/TIME.",
)
@json_option
def table_command(table: Path, suite: Path | None, output: Path | None, as_json: bool) -> int:
    """Make a run of a table of scores: one row for each case and arm; columns case_id, arm and one for each metric.

    Scores lie in [0, 1]; an empty cell is missing, not 0. Optional columns: arm_kind, seed (which training of a tuned
    arm), output, answering_model, input_tokens, output_tokens, prefix_tokens, cost, latency_s, cluster, tag. CSV, TSV,
    JSONL or Parquet.
    """
    from evalkit import api
    from evalkit.cli.show import show_run
    from evalkit.interchange.suite_from_table import ASSUMED_ZERO_SHOT, IMPORT_NOTES

    run = api.import_table(table, suite=suite, output=output)
    for note in run.suite().metadata.get(IMPORT_NOTES, ()):
        tell(f"Note: {note}.")
    if assumed := run.suite().metadata.get(ASSUMED_ZERO_SHOT):
        tell(
            f"Taken as untuned, without examples or retrieval: {', '.join(assumed)}. "
            "If an arm is of another kind, say so in the column arm_kind."
        )
    if as_json:
        print_json(run.decision)
    else:
        show_run(run)
    return 0
