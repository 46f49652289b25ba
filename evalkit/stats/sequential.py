"""An e-value on discordant pairs: a test that may be looked at after every batch of fresh cases.

For comparing two versions of an arm release by release, where looking again must not raise the chance of a false
alarm. A run with a fixed number of cases uses `paired_binary.mcnemar` instead, which finds more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import betaln

from evalkit.stats.arrays import checked_alpha

_LOG_LARGEST = 709.0  # exp of more does not fit in a float


@dataclass(frozen=True, slots=True)
class EValue:
    """Evidence against "both arms are right equally often".

    Attributes:
        value: The bet's wealth, starting from 1; above about 1e308 it is reported as that.
        rejects: It has reached 1/alpha.
        discordant: Pairs it rests on.
    """

    value: float
    rejects: bool
    discordant: int


def discordant_e_value(
    treatment_only: int, control_only: int, *, alpha: float = 0.05, prior: tuple[float, float] = (1.0, 1.0)
) -> EValue:
    """Weigh the discordant pairs seen so far; stop whenever the value reaches 1/alpha.

    E = 2^(b + c) B(u + b, v + c) / B(u, v): the likelihood of the split under a Beta(u, v) mixture over that under
    one half. If the arms are equal, the chance that it ever reaches 1/alpha is at most alpha, however often one looks.
    That holds only when each look brings **fresh** cases, each in a cluster of its own; never for a rerun of the same
    cases.

    Args:
        treatment_only: b, the cases so far that only the treatment got right.
        control_only: c, the cases so far that only the control got right.
        alpha: Error rate.
        prior: (u, v), each above 0; (1, 1) bets evenly on every share, both sides alike.

    Raises:
        ValueError: A count is negative, a prior weight is not positive, or `alpha` is not between 0 and 1.

    References:
        Ville (1939), Étude critique de la notion de collectif. Grünwald, de Heide and Koolen (2024), J. R. Statist.
        Soc. B 86:1091-1128.

    Example:
        >>> round(discordant_e_value(30, 10).value, 3)
        31.637
    """
    if treatment_only < 0 or control_only < 0:
        raise ValueError(
            f"discordant counts are {treatment_only} and {control_only}; a count cannot be negative"
        )
    if not min(prior) > 0.0:
        raise ValueError(f"prior weights are {prior}; give two numbers above 0")
    u, v = prior
    pairs = treatment_only + control_only
    log_value = pairs * math.log(2.0) + float(betaln(u + treatment_only, v + control_only) - betaln(u, v))
    return EValue(
        value=math.exp(min(log_value, _LOG_LARGEST)),
        rejects=log_value >= -math.log(checked_alpha(alpha)),
        discordant=pairs,
    )
