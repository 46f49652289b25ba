"""What can be said of two arms when a published table gives only how many cases each got right."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.stats.paired_binary import mcnemar


@dataclass(frozen=True, slots=True)
class CountsOnlyComparison:
    """The range left open when it is not known which cases the two arms got right.

    Attributes:
        difference: Treatment's share of right answers minus the control's.
        fewest_discordant: The smallest possible number of cases that exactly one arm got right.
        most_discordant: The largest possible number; all values between have the same parity.
        lowest_p: Exact McNemar p-value when the answers overlap as much as they can.
        highest_p: Exact McNemar p-value when they overlap as little as they can.
    """

    difference: float
    fewest_discordant: int
    most_discordant: int
    lowest_p: float
    highest_p: float


def compare_counts(treatment_right: int, control_right: int, n_cases: int) -> CountsOnlyComparison:
    """Bound the paired comparison of two arms from their counts of right answers on the same cases.

    The counts fix b - c; each further discordant pair of pairs (one each way) raises the p-value. So the two ends of
    the discordance give the two ends of p.

    Args:
        treatment_right: Cases the treatment got right.
        control_right: Cases the control got right.
        n_cases: Cases both answered.

    Raises:
        ValueError: A count lies outside [0, n_cases], or there is no case.

    References:
        The bounds are those of Fréchet (1951), Ann. Univ. Lyon A 14:53-77, for the joint of two known margins.

    Example:
        >>> result = compare_counts(60, 50, 100)
        >>> result.fewest_discordant, result.most_discordant, round(result.lowest_p, 4), round(result.highest_p, 4)
        (10, 90, 0.002, 0.3428)
    """
    if n_cases < 1:
        raise ValueError(f"n_cases is {n_cases}; give at least 1")
    if not (0 <= treatment_right <= n_cases and 0 <= control_right <= n_cases):
        raise ValueError(
            f"{treatment_right} and {control_right} right of {n_cases} is impossible; "
            "give counts between 0 and n_cases, not percentages"
        )
    gap = treatment_right - control_right
    total = treatment_right + control_right
    fewest = abs(gap)
    most = min(total, 2 * n_cases - total)
    lowest, highest = (mcnemar((pairs + gap) // 2, (pairs - gap) // 2).p_value for pairs in (fewest, most))
    return CountsOnlyComparison(gap / n_cases, fewest, most, lowest, highest)
