"""What ``run``, ``merge``, ``score`` and ``import`` print about a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalkit.pipeline.loaded_run import Run
    from evalkit.records.shard import ShardAnswers


def show_run(run: Run) -> None:
    """Print the terminal report of a run on standard output, and where its report file is."""
    from evalkit.cli.screen import console, say
    from evalkit.reporting.terminal import print_report

    print_report(run.records(), console())
    say(f"\nReport: {run.path / 'report.html'}")


def show_shard(answers: ShardAnswers) -> None:
    """Print on standard output what a shard answered, and how it becomes part of a run."""
    from evalkit.cli.screen import say

    count, failed = answers.shard.count, ""
    if answers.failed:
        failed = f", {answers.failed} {'cells' if answers.failed > 1 else 'cell'} without an answer"
    answered = f"{answers.answered} {'answer' if answers.answered == 1 else 'answers'}"
    say(f"Shard {answers.shard} of {answers.suite}: {answered}{failed}.\nRun: {answers.run}")
    say(f"Scores and the decision come with all {count} shards: evalkit merge SHARD_RUN...")
