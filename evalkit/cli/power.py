"""``evalkit power``."""

from __future__ import annotations

import math

import click

from evalkit.cli.options import json_option, print_json
from evalkit.cli.screen import say
from evalkit.errors import InputError


@click.command(name="power")
@click.option(
    "--difference", type=float, required=True, help="The difference to find, as a share: 0.05 is 5 points."
)
@click.option("--discordant", type=float, help="0/1 metric: share of cases that exactly one arm gets right.")
@click.option("--variance", type=float, help="Graded metric: variance of the difference over cases.")
@click.option("--cluster-size", type=float, default=1.0, show_default=True, help="Mean cases per cluster.")
@click.option(
    "--icc",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="How alike a cluster's cases are.",
)
@click.option("--alpha", type=float, default=0.05, show_default=True, help="Two-sided error rate.")
@click.option("--power", type=float, default=0.8, show_default=True, help="Chance of finding it.")
@click.option("--cases", type=click.IntRange(min=1), help="Also: what this many cases could see.")
@json_option
def command(
    difference: float,
    discordant: float | None,
    variance: float | None,
    cluster_size: float,
    icc: float,
    alpha: float,
    power: float,
    cases: int | None,
    as_json: bool,
) -> int:
    """How many cases are needed to see a difference between two arms, and what a given number can see.

    For a 0/1 metric give --discordant (0.2 is usual between two good arms), for a graded one --variance.
    """
    from evalkit.stats import power as statistics
    from evalkit.stats.exact_power import pairs_needed_exact

    if (discordant is None) == (variance is None):
        raise InputError("give either --discordant (0/1 metric) or --variance (graded metric)")
    given = {"--difference": difference, "--discordant": discordant, "--variance": variance}
    given |= {"--cluster-size": cluster_size, "--alpha": alpha, "--power": power}
    for option, value in given.items():
        if value is not None and not math.isfinite(value):
            raise InputError(f"{option} {value}: give a finite number, such as 0.05")
    if cluster_size < 1:
        raise InputError("--cluster-size is a mean number of cases, at least 1")
    effect = 1 + (cluster_size - 1) * icc
    try:
        if discordant is not None:
            needed = pairs_needed_exact(
                difference, discordant, alpha=alpha, power=power, design_effect=effect
            )
            seen = cases and statistics.smallest_detectable_pairs(
                cases, discordant, alpha=alpha, power=power, design_effect=effect
            )
        else:
            spread = variance or 0.0
            needed = statistics.cases_needed(
                difference, spread, alpha=alpha, power=power, design_effect=effect
            )
            seen = cases and statistics.smallest_detectable(
                cases, spread, alpha=alpha, power=power, design_effect=effect
            )
    except ValueError as error:
        raise InputError(str(error)) from error
    if as_json:
        print_json({"cases_needed": needed, "design_effect": effect, "smallest_detectable": seen})
        return 0
    say(f"{needed:,} cases see a difference of {difference:+.3f} with {power:.0%} power at alpha {alpha:g}.")
    if effect > 1:
        say(f"Clusters of {cluster_size:g} with ICC {icc:g} multiply the cases by {effect:.2f} (included).")
    if seen is not None:
        words = f"a difference of {seen:.3f}" if seen <= 1 else "no difference at all"
        say(f"{cases:,} cases see {words}.")
    return 0
