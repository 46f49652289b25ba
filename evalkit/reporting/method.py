"""How to read a report: the method in five sentences, with the references it rests on."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.records.run import RunRecords
from evalkit.reporting import words
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
        f"“{words.title('better')}” needs a Holm-adjusted p below {comparison.alpha:g} and a lower bound above zero; "
        f"“not worse than the margin” needs a lower bound above −{margin} points, a margin set before the run.",
        "Confidence is the share of joint draws (quality, cost, volume, prices and hours together) in which the "
        f"winning family is worth most; this run asks for {declared_percent(records.confidence)}. It is not a p value.",
        "Costs are a ledger at dated prices with every range at its mode; “what would change the answer” moves one "
        "input at a time over the same draws, and the value of information is what deciding after knowing would gain.",
    )
