"""How to read a report: the method in a few sentences, with the references it rests on."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.records.run import RunRecords
from evalkit.reporting import words
from evalkit.text.normalise import RULE, RULE_IN_WORDS
from evalkit.text.number_format import declared_percent, percent, points


@dataclass(frozen=True, slots=True)
class Reference:
    """Something to look up; ``url`` is "" where it has no open address."""

    text: str
    url: str = ""


REFERENCES = (
    Reference(
        "Miller (2024), Adding Error Bars to Evals, arXiv 2411.00640", "https://arxiv.org/abs/2411.00640"
    ),
    Reference(
        "Bowyer, Aitchison and Ivanova (2025), Don’t use the CLT in LLM evals with fewer than a few hundred "
        "datapoints, arXiv 2503.01747",
        "https://arxiv.org/abs/2503.01747",
    ),
    Reference(
        "Fagerland, Lydersen and Laake (2013), The McNemar test for binary matched-pairs data, "
        "BMC Medical Research Methodology 13:91",
        "https://doi.org/10.1186/1471-2288-13-91",
    ),
    Reference(
        "Holm (1979), A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6:65–70"
    ),
    Reference("Rubin (1981), The Bayesian bootstrap, Annals of Statistics 9:130–134"),
    Reference(
        "Hoch, Briggs and Willan (2002), Something old, something new, something borrowed, something blue: a framework "
        "for the marriage of health econometrics and cost-effectiveness analysis, Health Economics 11:415–430",
        "https://doi.org/10.1002/hec.678",
    ),
    Reference(
        "Fenwick, Claxton and Sculpher (2001), Representing uncertainty: the role of cost-effectiveness acceptability "
        "curves, Health Economics 10:779–787",
        "https://doi.org/10.1002/hec.635",
    ),
    Reference("Howard (1966), Information value theory, IEEE Trans. Systems Science and Cybernetics 2:22–26"),
)


def sentences(records: RunRecords) -> tuple[str, ...]:
    """What a reader has to know, with this run's own margin, level and threshold."""
    comparison = records.comparison
    level = percent(1 - comparison.alpha, 0)
    margin = points(comparison.margin).removeprefix("+")
    return (
        f"Every arm answered the same {comparison.n_cases} cases, and every claim is about the paired difference on "
        "the cases that both arms answered; an answer we failed to get is missing and counted under coverage, a "
        "wrong answer is scored.",
        f"Intervals are two-sided at {level} by the method named under each table; where cases come in clusters, "
        "clusters and not cases are the sample.",
        f"“{words.title('better')}” needs a p below {comparison.alpha:g}, adjusted for several comparisons (Holm), and "
        f"a lower bound above zero; “not worse by more than the margin” needs a lower bound above −{margin} points, a "
        "margin set before the run. Claims inform; the verdict rests on the simulated futures.",
        _how_sure(records),
        "Costs are a ledger at dated prices with every range at its most likely value; means and bands are of the "
        "simulated futures; “what would change the answer” moves one input at a time over the same futures, and the "
        "value of information is what deciding after knowing would gain.",
        *_text_rule(records.text_rule),
    )


def _how_sure(records: RunRecords) -> str:
    """What the share on the first screen is, under the method that made the decision."""
    asked = declared_percent(records.confidence)
    if records.decision.format_version < 2:
        return (
            "Confidence is the share of joint draws (quality, cost, volume, prices and hours together) in which the "
            f"winning family is worth most; this run asks for {asked}. It is not a p value."
        )
    return (
        "A simulated future draws quality, cost, volume, prices, hours and the luck of training together (a joint "
        "draw). How sure is the share of futures in which the named arm beats every choice of the other sides: tuned, "
        f"untuned, and doing nothing where a value is declared. This run asks for {asked}. It is not a p value."
    )


def _text_rule(version: int | None) -> tuple[str, ...]:
    """The rule by which metrics compared texts; nothing where the run has no scores."""
    if version is None:
        return ()
    if version != RULE:
        earlier = f"Metrics compared texts under text rule {version}, an earlier one"
        return (f"{earlier}; `evalkit score` scores the run again under rule {RULE}.",)
    return (f"Metrics that normalise compared texts under text rule {RULE}: {RULE_IN_WORDS}.",)
