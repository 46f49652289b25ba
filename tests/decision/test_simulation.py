"""The verdict in simulated worlds where the truth is known."""

import numpy as np
import pytest

from evalkit.decision.gather import gather
from evalkit.decision.ladder import Evidence, climb
from evalkit.records.decision import Verdict

SURE = Evidence(
    tuned_measured=True,
    blocked=(),
    control_failed=False,
    invalid=(),
    missing=(),
    confidence=0.9,
    cost_per_case=None,
    pilot=None,
)


def verdicts(synthetic, *, gain, discordance, n, times, seed):
    """Verdicts on runs drawn from a world in which tuning gains ``gain`` in quality; 0.05 pays for it."""
    rng = np.random.default_rng(seed)
    only_tuned = (discordance + gain) / 2
    found = []
    for index in range(times):
        drawn = rng.random(n)
        tuned = (drawn < only_tuned) | (drawn > 0.6)
        few = ((drawn >= only_tuned) & (drawn < discordance)) | (drawn > 0.6)
        arms = {
            "few_shot": synthetic.Arm([float(value) for value in few]),
            "tuned": synthetic.Arm([float(value) for value in tuned], kind="fine_tuned", shots=0),
        }
        run = synthetic.make_run(arms)
        made = gather(
            run.suite, run.manifest, run.table, run.comparison, run.profile, None, prices=None, seed=index
        )
        found.append(climb(made.outlooks, made.dossier.claims, SURE).verdict)
    return found


@pytest.mark.slow
def test_where_tuning_is_not_worth_more_it_is_rarely_advised(synthetic):
    """The true net benefits are equal, the hardest null world: 1 - confidence = 10% is what is allowed on average.

    Measured on 400 runs in each of nine worlds (60, 200, 600 cases; discordance 0.1, 0.2, 0.4): 8.7% on average, 12.5%
    at most. The bounds below leave room for two standard errors of 60 runs a world.
    """
    shares = [
        np.mean(
            [
                verdict is Verdict.FINE_TUNE
                for verdict in verdicts(synthetic, gain=0.05, n=n, times=60, **world)
            ]
        )
        for n in (60, 200)
        for world in ({"discordance": 0.15, "seed": 1}, {"discordance": 0.4, "seed": 2})
    ]
    assert max(shares) <= 0.15 + 2 * np.sqrt(0.15 * 0.85 / 60)
    assert np.mean(shares) <= 0.10 + 2 * np.sqrt(0.10 * 0.90 / 240)


@pytest.mark.slow
def test_where_tuning_is_worth_more_it_is_found(synthetic):
    """0.15 more quality on 300 cases with a quarter discordant."""
    found = verdicts(synthetic, gain=0.15, discordance=0.25, n=300, times=40, seed=3)
    assert np.mean([verdict is Verdict.FINE_TUNE for verdict in found]) >= 0.8
