"""Published tables: arms of which only "right of n" is known, on the same cases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from evalkit.errors import InputError
from evalkit.records.published import CountedArm, CountedPair, CountsDecision, FromCounts
from evalkit.stats.intervals import wilson
from evalkit.stats.multiplicity import holm
from evalkit.stats.paired_binary import mcnemar
from evalkit.stats.published_counts import CountsOnlyComparison, compare_counts

_ARM = re.compile(r"(?P<name>[^\s=,][^=,]*)=\s*(?P<right>\d{1,18})\s*/\s*(?P<n>\d{1,18})")
_FORM = "write name=right/cases for each arm, such as base=13/30,rag=26/30"
_MOST_CASES = 1_000_000_000
UNKNOWN = (
    "Which cases each arm got right is not known, so the p-values are ranges and a difference has no interval.",
    "Clusters, costs and latencies are not known, so this is no verdict. "
    "`evalkit import table` takes a score per case and gives one.",
)


@dataclass(frozen=True, slots=True)
class CorrectCount:
    """How many of the cases an arm got right."""

    right: int
    n: int


def parse_counts(text: str) -> dict[str, CorrectCount]:
    """Arms from ``base=13/30,rag=26/30``, in that order.

    Raises:
        InputError: A part is not of that form, or names an arm a second time.
    """
    counts: dict[str, CorrectCount] = {}
    for part in text.split(","):
        match = _ARM.fullmatch(part.strip())
        if match is None:
            raise InputError(f"{part.strip()[:80]!r} is not an arm's count; {_FORM}")
        name = match["name"].strip()
        if name in counts:
            raise InputError(f"{name!r} is given twice; {_FORM}")
        counts[name] = CorrectCount(int(match["right"]), int(match["n"]))
    return counts


def claims_from_counts(counts: Mapping[str, CorrectCount], *, alpha: float = 0.05) -> CountsDecision:
    """Say of each pair of arms whether a difference can be claimed.

    The later arm of a pair is the treatment. An adjusted p-value never falls when another pair's p-value rises, so
    Holm over all lowest and over all highest p-values bounds every adjusted one.

    Args:
        counts: By arm, all on the same cases.
        alpha: Two-sided error rate of all pairs together.

    Raises:
        InputError: There are fewer than two arms, they have different numbers of cases, or a count exceeds them.
    """
    if len(counts) < 2:
        raise InputError(f"there is nothing to compare; {_FORM}")
    if len(numbers := {count.n for count in counts.values()}) > 1:
        raise InputError(
            f"the arms have different numbers of cases ({', '.join(map(str, sorted(numbers)))}): only arms that "
            "answered the same cases can be paired. Give those of one table"
        )
    for name, count in counts.items():
        if count.n > _MOST_CASES:
            raise InputError(
                f"{name}: {count.n:,} cases are more than anyone has; give at most {_MOST_CASES:,}"
            )
        if not 0 <= count.right <= count.n or count.n < 1:
            raise InputError(f"{name}: {count.right} of {count.n} is impossible; {_FORM}, not percentages")
    names = [(treatment, control) for control, treatment in combinations(counts, 2)]
    compared = [
        compare_counts(counts[left].right, counts[right].right, counts[left].n) for left, right in names
    ]
    lowest = holm([pair.lowest_p for pair in compared]).tolist()
    highest = holm([pair.highest_p for pair in compared]).tolist()
    return CountsDecision(
        alpha=alpha,
        arms=tuple(_arm(name, count, alpha) for name, count in counts.items()),
        pairs=tuple(
            _pair(pair_names, pair, (low, high), alpha, len(compared))
            for pair_names, pair, low, high in zip(names, compared, lowest, highest, strict=True)
        ),
        unknown=UNKNOWN,
    )


def _arm(name: str, count: CorrectCount, alpha: float) -> CountedArm:
    bounds = wilson(count.right, count.n, alpha)
    share = count.right / count.n
    return CountedArm(name=name, right=count.right, n=count.n, share=share, low=bounds.low, high=bounds.high)


def _pair(
    names: tuple[str, str],
    pair: CountsOnlyComparison,
    adjusted: tuple[float, float],
    alpha: float,
    n_pairs: int,
) -> CountedPair:
    claim: FromCounts = "depends_on_overlap"
    if adjusted[1] < alpha:
        claim = "whatever_the_overlap"
    elif adjusted[0] >= alpha:
        claim = "not_claimable"
    up_to = _claimable_up_to(pair, alpha / n_pairs)
    return CountedPair(
        treatment=names[0],
        control=names[1],
        difference=pair.difference,
        fewest_discordant=pair.fewest_discordant,
        most_discordant=pair.most_discordant,
        lowest_p=pair.lowest_p,
        highest_p=pair.highest_p,
        lowest_p_adjusted=adjusted[0],
        highest_p_adjusted=adjusted[1],
        claim=claim,
        claimable_up_to=up_to,
        words=_words(claim, pair, up_to, alone=n_pairs == 1),
    )


def _claimable_up_to(pair: CountsOnlyComparison, level: float) -> int | None:
    """The p-value rises with b + c at a fixed b - c, so the last one below the level is found by halving."""
    gap = pair.fewest_discordant  # |b - c|
    steps = range((pair.most_discordant - gap) // 2 + 1)  # b + c rises by two with each
    first, last = 0, len(steps)
    while first < last:
        middle = (first + last) // 2
        if mcnemar(gap + middle, middle).p_value < level:
            first = middle + 1
        else:
            last = middle
    return gap + 2 * (first - 1) if first else None


def _words(claim: FromCounts, pair: CountsOnlyComparison, up_to: int | None, *, alone: bool) -> str:
    between = f"b + c between {pair.fewest_discordant} and {pair.most_discordant}"
    if claim == "whatever_the_overlap":
        return f"claimable whatever the overlap ({between})"
    if claim == "not_claimable":
        return f"not claimable ({between})"
    other = "" if alone else ", whatever the other pairs are"
    sure = f"; claimable up to {up_to}{other}" if up_to is not None else "; and on the other pairs"
    return f"depends on the overlap: {between}{sure}"
