"""The decision in one sitting: a table of scores in, the verdict's steps out, with nothing but statistics and sums.

    python tests/decide_by_hand.py scores.csv --volume 100000 --value 0.02 --fixed tuned=960

Columns: case_id, arm, arm_kind (zero_shot, few_shot, rag, fine_tuned) and one score in [0, 1]; if present cost (money
per request), cluster, seed (which training). What `evalkit decide` adds: prices and ranges, checklist, red flags,
limits, unfinished alternatives, pilots, missing answers, no declared value, what would change the verdict.
"""

import argparse
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pandas as pd

from evalkit.economics.lifetime import lifetime, retunes
from evalkit.economics.payoff_table import NONE, ArmDraws, net_benefits
from evalkit.stats.bayesian_bootstrap import joint_means
from evalkit.stats.draw_shares import beats_other_sides
from evalkit.stats.net_benefit_claim import CaseWorth, NetBenefitClaim, net_benefit_claim
from evalkit.stats.scored_cases import ScoredCases
from evalkit.stats.settled_share import SettledShare, confidence_threshold, settled_share
from evalkit.stats.training_runs import TrainingPlan, training_offsets, wrong_after
from evalkit.stats.training_spread import measured_spread
from evalkit.stats.value_of_information import choice

KNOWN = {"case_id", "arm", "arm_kind", "cost", "cluster", "seed"}
KIND = {"fine_tuned": "tuned", "rag": "retrieval", "few_shot": "prompting", "zero_shot": "prompting"}


class Study:
    """The cases that every arm answered, and draws of what they leave possible."""

    def __init__(self, asked: argparse.Namespace) -> None:
        table = pd.read_csv(asked.scores, dtype={"case_id": str, "arm": str})
        score = next(name for name in table.columns if name not in KNOWN)
        table = table.assign(**{name: 0 for name in ("cost", "seed") if name not in table})
        table["seed"] = table["seed"].fillna(0)
        table = table if "cluster" in table else table.assign(cluster=table["case_id"])
        by_seed = table.pivot_table(index="case_id", columns=["arm", "seed"], values=score).dropna()
        by_case = table.groupby("case_id").first().loc[by_seed.index]
        costs = table.pivot_table(index="case_id", columns="arm", values="cost").loc[by_seed.index]
        self.asked, self.names = asked, tuple(costs.columns)
        self.kinds = tuple(KIND[kind] for kind in table.groupby("arm")["arm_kind"].first()[list(self.names)])
        self.sides = (*("tuned" if kind == "tuned" else "untuned" for kind in self.kinds), NONE)
        self.fixed = [float(dict(asked.fixed).get(name, 0)) for name in self.names]
        self.life = lifetime(int(asked.horizon))
        every = None if asked.retune_every is None else Decimal(asked.retune_every)
        clusters = np.unique(by_case["cluster"].astype(str), return_inverse=True)[1]
        seeds = [by_seed[name].to_numpy() for name in self.names]
        again = retunes(self.life.months, every)
        plans = [TrainingPlan(measured_spread(one, clusters), again) for one in seeds]
        self.plans = [
            plan if side == "tuned" else None for plan, side in zip(plans, self.sides, strict=False)
        ]
        self.cases = ScoredCases(
            self.names,
            self.kinds,
            np.stack([one.mean(axis=1) for one in seeds], axis=1),
            averaged=tuple(one.shape[1] > 1 for one in seeds),
            clusters=clusters,
            alongside={"cost": costs.to_numpy(dtype=float)},
        )
        self.payoffs = self.draw(1)

    def draw(self, times: int) -> np.ndarray:
        """Net benefit of every arm and of none in 10,000 draws, or so many times more."""
        rng = np.random.default_rng(times)
        self.means = joint_means(self.cases, rng, n_draws=10_000 * times)
        q = self.means.quality
        e = training_offsets(q, self.plans, self.means.column_of, rng)
        wrong, cost, months = wrong_after(1 - q, q, e), self.means.alongside["cost"], float(self.life.months)
        arms = [
            ArmDraws(name, months, q[:, at] + e[:, at], wrong[:, at], cost[:, at], self.fixed[at])
            for at, name in enumerate(self.names)
        ]
        money = {"value_per_correct": self.asked.value, "cost_per_wrong": self.asked.wrong}
        return net_benefits(arms, volume=self.asked.volume, **money)

    def share(self, column: int, groups: Sequence[str], threshold: float) -> SettledShare:
        """How often one choice beats every one of the other groups."""
        first = beats_other_sides(self.payoffs, column, groups)
        return settled_share(first, threshold, lambda n: beats_other_sides(self.draw(n), column, groups))

    def claim(self, *pair: int) -> NetBenefitClaim:
        """Net benefit of one arm against another, in closed form."""
        value, worths = self.asked.value, []
        for at in pair:
            scores, plan = self.cases.scores[:, at], self.plans[at]
            u = value * scores - self.asked.wrong * (1 - scores) - self.cases.alongside["cost"][:, at]
            spread = 0.0 if plan is None else plan.spread.expected_variance * plan.horizon_factor
            worths.append(CaseWorth(u, float(self.life.months), self.fixed[at], spread * value**2))
        return net_benefit_claim(*worths, self.cases.clusters, self.asked.volume)


def verdict(study: Study) -> str:
    """Print the ladder's steps and return where it ends."""
    choices, means, mean = (*study.names, NONE), study.means, study.payoffs.mean(axis=0)
    regrets, columns, c = choice(study.payoffs).expected_regret, means.column_of, study.asked.confidence
    print(f"{means.n_cases} cases in {means.n_clusters} clusters; prior: {means.prior}")
    for at, name in enumerate(choices):
        seen = "" if name == NONE else f"score {study.cases.scores[:, at].mean():.4f}, "
        print(f"  {name}: {seen}expected net benefit {mean[at]:,.0f}, expected loss {regrets[at]:,.0f}")
    best = int(np.argmax(mean))
    side, own = study.sides[best], (*study.kinds, NONE)[best]
    others = [at for at, held in enumerate(study.sides) if held != side]
    untuned = [at for at, held in enumerate(study.sides) if held == "untuned"]
    enough = confidence_threshold(c, len({(*columns, -1)[at] for at in set(range(len(choices))) - {*others}}))
    sure = study.share(best, study.sides, enough)
    print(f"winner: {choices[best]}, beats every choice of the other sides in {sure.found.share:.1%}")
    print(f"  of draws, needed {enough:.3g}: {'' if sure.reached else 'not '}reached")
    rival = max(others, key=lambda at: mean[at])
    if NONE not in (choices[best], choices[rival]):
        claim = study.claim(best, rival)
        low, high, volume = claim.bounds(0.05).low, claim.bounds(0.05).high, claim.break_even_volume
        print(f"  less {choices[rival]}: {claim.estimate:,.2f} (95% interval {low:,.2f} to {high:,.2f})")
        print(f"  pays from {'no volume' if volume is None else f'{volume:,.1f} requests a month'}")
    if side != NONE and any(means.constant_difference[best, at] for at in others if at < len(study.names)):
        return "not_decidable: a difference without spread gives no confidence"
    if means.n_cases < 50 or means.n_clusters < 20:
        return "not_decidable: too_few_cases"
    if not sure.reached:
        small = study.asked.margin * study.asked.value * study.asked.volume * study.asked.horizon
        return f"not_decidable: {'indifferent' if max(regrets[[best, rival]]) < small else 'not_sure_enough'}"
    if side == NONE:
        return "none_worth_running"
    if side == "tuned":
        return f"fine_tune: {choices[best]}"
    level = confidence_threshold(c, max(2, len({columns[at] for at in untuned})))
    groups = [kind if kind != "tuned" else own for kind in study.kinds] + [own]
    apart = study.share(best, groups, level)
    bounds = [study.claim(best, at).lower_bound(level) for at in untuned if study.kinds[at] != own]
    print(f"  beats the other untuned kinds in {apart.found.share:.1%}, needed {level:.3g}; bounds {bounds}")
    if apart.reached and all(bound > 0 for bound in bounds):
        return f"{'use_rag' if own == 'retrieval' else 'stay_few_shot'}: {choices[best]}"
    return f"do_not_tune: run {choices[best]}; which untuned arm is better is open"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scores")
    options = {"volume": None, "value": None, "wrong": 0, "horizon": 12, "confidence": 0.9, "margin": 0.03}
    for name, default in options.items():
        parser.add_argument(f"--{name}", type=float, default=default, required=default is None)
    parser.add_argument("--retune-every", help="months between two trainings", metavar="MONTHS")
    parser.add_argument("--fixed", action="append", default=[], type=lambda text: text.split("="))
    print(verdict(Study(parser.parse_args())))
