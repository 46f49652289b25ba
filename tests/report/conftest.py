"""Runs to report on: a full one, one with hostile and Chinese text, one in which nearly nothing is known.

The numbers of the full run are made up, but agree with each other: the ledger adds up, and the break-even
follows from it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from evalkit.records.arm import ArmFacts, ArmKind
from evalkit.records.comparison import (
    ArmSummary,
    Comparison,
    Curve,
    CurvePoint,
    Difference,
    Estimate,
    Failures,
    LatencySummary,
    RetrievalSummary,
    TokenSummary,
)
from evalkit.records.decision import (
    ArmVerdict,
    BreakEven,
    Decision,
    DecisionInputs,
    Evidence,
    Finding,
    Interval3,
    LedgerColumn,
    LedgerLine,
    RedFlag,
    SampleValue,
    TornadoBar,
    Verdict,
    WouldChange,
)
from evalkit.records.manifest import Digests, Manifest
from evalkit.records.profile import LeakedPair, LengthSpread, Profile, TrainingProfile
from evalkit.records.record import to_json
from evalkit.records.run import (
    DeclaredEconomics,
    DeclaredRange,
    Excerpt,
    ExcerptAnswer,
    PriceUsed,
    RunRecords,
)
from evalkit.records.tuning import LossPoint, TuningReport, TuningRun
from evalkit.reporting.html import render_html

N, CLUSTERS = 180, 60
MONTHS, VOLUME = 12, 100_000
KINDS = {
    "few_shot": ArmKind.FEW_SHOT,
    "rag": ArmKind.RAG,
    "fine_tuned": ArmKind.FINE_TUNED,
    "fine_tuned_rag": ArmKind.FINE_TUNED_RAG,
}
# exact match, token F1, house format
QUALITY = {
    "few_shot": (0.311, 0.622, 0.961),
    "rag": (0.694, 0.911, 0.983),
    "fine_tuned": (0.972, 0.990, 1.0),
    "fine_tuned_rag": (0.939, 0.978, 1.0),
}
UNIT = {
    "few_shot": Decimal("0.0000021"),
    "rag": Decimal("0.0000033"),
    "fine_tuned": Decimal("0.0000008"),
    "fine_tuned_rag": Decimal("0.0000029"),
}
VALUE = Decimal("0.02")
DIGEST = "3f9c2a7be41d5806c2b7719e0d4a8f35"


@pytest.fixture
def support_desk() -> RunRecords:
    """Everything present; the verdict is fine_tune."""
    return full_run()


@pytest.fixture
def hostile() -> RunRecords:
    """Names, questions and outputs that try to break out, are Chinese, or have no place to break."""
    return hostile_run()


@pytest.fixture
def sparse() -> RunRecords:
    """Nearly everything None or empty."""
    return sparse_run()


@pytest.fixture(scope="session")
def html_of() -> Callable[[str], str]:
    """The page of one of these runs, drawn once for all tests."""
    runs = {"support_desk": full_run, "hostile": hostile_run, "sparse": sparse_run}
    return functools.cache(lambda name: render_html(runs[name]()))


def wilson(mean: float, n: int = CLUSTERS) -> tuple[float, float]:
    z = 1.96
    middle = (mean + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(mean * (1 - mean) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def estimate(mean: float) -> Estimate:
    low, high = wilson(mean)
    return Estimate(
        mean=mean,
        low=low,
        high=high,
        method="Wilson at the effective n of clusters",
        n=N,
        n_clusters=CLUSTERS,
    )


def latency(p50: float, p95: float) -> LatencySummary:
    return LatencySummary(
        p50=p50, p90=p95 * 0.97, p95=p95, p99=None, n=30, source="isolated", ttft_p50=p50 / 4
    )


LATENCY = {
    "few_shot": latency(0.0354, 0.0421),
    "rag": latency(0.0417, 0.0533),
    "fine_tuned": latency(0.0312, 0.0369),
    "fine_tuned_rag": latency(0.0388, 0.0481),
    "oracle": latency(0.0402, 0.0519),
}
TOKENS = {
    "few_shot": TokenSummary(input=24, cache_read=142, cache_write=0, output=14.2, reasoning=0),
    "rag": TokenSummary(input=139, cache_read=61, cache_write=0, output=14.6, reasoning=0),
    "fine_tuned": TokenSummary(input=24, cache_read=7, cache_write=0, output=14.4, reasoning=0),
    "fine_tuned_rag": TokenSummary(input=139, cache_read=7, cache_write=0, output=14.4, reasoning=0),
    "oracle": TokenSummary(input=64, cache_read=61, cache_write=0, output=14.5, reasoning=0),
}
FAILURES = {
    "few_shot": Failures(n_wrong=124, format=7, missing_knowledge=113, refusal_or_empty=1, other=3),
    "rag": Failures(n_wrong=55, format=4, retrieval_miss=9, reading_miss=38, truncation=2, other=2),
    "fine_tuned": Failures(n_wrong=5, missing_knowledge=5),
    "fine_tuned_rag": Failures(n_wrong=11, retrieval_miss=3, reading_miss=7, other=1),
}


def arm_summary(
    name: str, kind: ArmKind, quality: tuple[float, float, float], **changes: object
) -> ArmSummary:
    fields: dict[str, object] = {
        "name": name,
        "kind": kind,
        "role": "candidate",
        "model": "tuned" if kind.tuned else "base",
        "n": N,
        "ok": N,
        "errors": 0,
        "limited": 0,
        "coverage": 1.0,
        "quality": dict(
            zip(("exact_match", "token_f1", "house_format"), map(estimate, quality), strict=True)
        ),
        "latency": LATENCY.get(name),
        "tokens": TOKENS.get(name),
        "finish_reasons": {"stop": N},
        "failures": FAILURES.get(name),
        "scorer_chance": 0.006,
    }
    return ArmSummary(**(fields | changes))  # type: ignore[arg-type]


def difference(treatment: str, control: str, family: str, **changes: object) -> Difference:
    seen = QUALITY[treatment][0] - QUALITY[control][0]
    fields: dict[str, object] = {
        "treatment": treatment,
        "control": control,
        "metric": "exact_match",
        "family": family,
        "estimate": seen,
        "low": seen - 0.075,
        "high": min(1.0, seen + 0.075),
        "method": "Sandwich standard error over clusters, t on 59 degrees of freedom; sign flips of whole clusters",
        "p_value": 0.0001,
        "p_adjusted": 0.0003,
        "discordant": (round(N * max(seen, 0)) + 2, 2 + round(N * max(-seen, 0))),
        "n": N,
        "n_clusters": CLUSTERS,
        "claim": "superior",
        "smallest_detectable": 0.107,
    }
    return Difference(**(fields | changes))  # type: ignore[arg-type]


def differences() -> tuple[Difference, ...]:
    return (
        difference("rag", "few_shot", "reference"),
        difference("fine_tuned", "few_shot", "reference"),
        difference("fine_tuned_rag", "few_shot", "reference"),
        difference("fine_tuned", "rag", "tuned"),
        difference("fine_tuned_rag", "rag", "tuned"),
        difference(
            "fine_tuned_rag",
            "fine_tuned",
            "descriptive",
            low=-0.071,
            high=0.005,
            p_value=0.09,
            p_adjusted=None,
            claim="no_claim",
        ),
        difference(
            "rag",
            "few_shot",
            "descriptive",
            metric="token_f1",
            estimate=0.503,
            low=0.468,
            high=0.538,
            discordant=None,
            p_adjusted=None,
        ),
    )


def curves() -> tuple[Curve, ...]:
    shots = [(0, 0.0), (2, 0.244), (4, 0.306), (8, 0.311)]
    rows = [(64, 0.122), (128, 0.378), (256, 0.744), (384, 0.917), (512, 0.972)]

    def point(arm: str, x: float, mean: float) -> CurvePoint:
        low, high = wilson(mean)
        return CurvePoint(arm=arm, x=x, mean=mean, low=low, high=high)

    return (
        Curve(
            kind="shots",
            parent="few_shot",
            points=tuple(point(f"few_shot@{x}", x, mean) for x, mean in shots),
            trend="flat",
            last_step=difference(
                "few_shot", "few_shot", "curve", estimate=0.006, low=-0.011, high=0.022, claim="no_claim"
            ),
            note="The last step, from 4 to 8 shots, changes exact match by +0.6 points (−1.1 to +2.2).",
        ),
        Curve(
            kind="learning",
            parent="fine_tuned",
            points=(
                *(point(f"fine_tuned@{x / 512:g}", x, mean) for x, mean in rows),
                point("fine_tuned@1.0/seed2", 512, 0.956),
            ),
            trend="rising",
            seed_spread=0.011,
            note="The last step, from 384 to 512 rows, changes exact match by +5.6 points (+1.2 to +9.9).",
        ),
    )


def column(arm: str) -> LedgerColumn:
    tuned = KINDS[arm].tuned
    retrieves = KINDS[arm].retrieves
    one_off, recurring = [], []
    if retrieves:
        one_off.append(
            LedgerLine(
                name="Building the index", amount=Decimal(0), basis="8 s x 0.08 per hour, below a cent"
            )
        )
    if tuned:
        one_off += [
            LedgerLine(
                name="Training compute",
                amount=Decimal("0.0034"),
                basis="153 s / 3,600 x 0.08 USD per device-hour",
            ),
            LedgerLine(name="Labour", amount=Decimal(1440), basis="24 hours x 60 per hour"),
        ]
        recurring = [
            LedgerLine(
                name="Retuning",
                amount=Decimal("240.0034"),
                basis="1 retune x (4 hours x 60 per hour + training)",
            )
        ]
    once = sum((line.amount for line in one_off), Decimal(0))
    again = sum((line.amount for line in recurring), Decimal(0))
    requests = VOLUME * MONTHS
    return LedgerColumn(
        currency="USD",
        one_off=tuple(one_off),
        standing=(),
        recurring=tuple(recurring),
        per_request=(
            LedgerLine(
                name="Device time", amount=UNIT[arm], basis=f"{UNIT[arm] * 45000:f} s x 0.08 per hour / 3,600"
            ),
        ),
        one_off_total=once,
        standing_total=Decimal(0),
        recurring_total=again,
        per_request_total=UNIT[arm],
        requests=requests,
        total=once + again + UNIT[arm] * requests,
        total_mean=once + again + UNIT[arm] * requests * 2,
        scenario="assumed",
        scenarios={
            "cold": UNIT[arm] * Decimal("1.9"),
            "observed": UNIT[arm] * Decimal("0.9"),
            "assumed": UNIT[arm],
        },
    )


def net_benefit(arm: str, volume: int) -> float:
    book = column(arm)
    fixed = book.one_off_total + book.recurring_total
    return float(MONTHS * volume * (VALUE * Decimal(str(QUALITY[arm][0])) - UNIT[arm]) - fixed)


def level(treatment: str, control: str) -> float:
    """Requests a month at which both are worth the same."""
    fixed = 1680 if KINDS[treatment].tuned else 0
    gain = float(VALUE) * (QUALITY[treatment][0] - QUALITY[control][0]) - float(
        UNIT[treatment] - UNIT[control]
    )
    return fixed / (MONTHS * gain)


def arm_verdict(arm: str) -> ArmVerdict:
    book = column(arm)
    quality = dict(zip(("exact_match", "token_f1", "house_format"), map(estimate, QUALITY[arm]), strict=True))
    return ArmVerdict(
        kind=KINDS[arm],
        role="candidate",
        n=N,
        coverage=1.0,
        quality=quality,
        cost_per_request=book.per_request_total,
        cost_per_correct=UNIT[arm] / Decimal(str(QUALITY[arm][0])),
        latency=LATENCY[arm],
        net_benefit=Interval3(
            low=net_benefit(arm, 40_000), mode=net_benefit(arm, VOLUME), high=net_benefit(arm, 380_000)
        ),
    )


def checklist() -> tuple[Finding, ...]:
    def facts(*pairs: tuple[str, str] | tuple[str, str, str]) -> tuple[Evidence, ...]:
        return tuple(
            Evidence(label=pair[0], value=pair[1], source=pair[2] if len(pair) > 2 else None)
            for pair in pairs
        )

    return (
        Finding(
            number=1,
            group="use case",
            question="What should improve, by how much, and is it the kind of thing tuning improves?",
            status="met",
            speaks_for="tuning",
            answer="Retrieval misses the target of 80.0% by 10.6 points, and most of what is left is misreading.",
            evidence=(
                Evidence(label="Target", value="80.0%", declared=True, source="suite.yaml"),
                *facts(
                    ("Best untuned arm", "69.4%", "rag"),
                    ("Gold-passage arm", "78.9%", "oracle"),
                    ("Score with shuffled references", "0.6%", "negative control"),
                ),
            ),
        ),
        Finding(
            number=2,
            group="alternatives",
            question="Prompt engineering tried?",
            status="met",
            speaks_for="tuning",
            answer="The shot curve is flat: the last step is worth +0.6 points (−1.1 to +2.2).",
            evidence=facts(("Prompts tried", "1"), ("Shots tried", "0, 2, 4, 8", "few_shot")),
        ),
        Finding(
            number=3,
            group="alternatives",
            question="Retrieval tried?",
            status="met",
            speaks_for="tuning",
            answer="The right passage is found for 95.0% of the cases, so the reader is the limit.",
            evidence=facts(
                ("Recall at 3", "95.0% of 180 cases", "rag"), ("Gold-passage arm", "78.9%", "oracle")
            ),
        ),
        Finding(
            number=4,
            group="cost",
            question="Tunability",
            status="met",
            speaks_for="tuning",
            answer="A local adapter can be trained and served through the horizon.",
            evidence=facts(("Route", "LoRA on the embedded model"), ("Layers found", "35 linear layers")),
        ),
        Finding(
            number=5,
            group="cost",
            question="Effort",
            status="met",
            speaks_for="tuning",
            answer="28 hours of work are paid back in 2.9 months.",
            evidence=(
                Evidence(label="Hours", value="24, then 4 per retune", declared=True, source="suite.yaml"),
                Evidence(label="Rate", value="$60.00 per hour", declared=True, source="suite.yaml"),
            ),
        ),
        Finding(
            number=6,
            group="cost",
            question="Compute",
            status="met",
            speaks_for="tuning",
            answer="Training takes 153 s on 2 processor cores, below one cent.",
            evidence=facts(("Training tokens", "244,763", "tuning.json"), ("Time", "153 s", "tuning.json")),
        ),
        Finding(
            number=7,
            group="cost",
            question="Data",
            status="met",
            speaks_for="tuning",
            answer="512 rows without leaked questions; the curve is above the target and still rising.",
            evidence=facts(
                ("Rows", "512", "train.jsonl"),
                ("Leaked questions", "0 exact, 1 near", "profile.json"),
                (
                    "Provider's advice",
                    "at least 10 rows, gains from 50",
                    "OpenAI fine-tuning guide, 2026-11-20",
                ),
            ),
        ),
        Finding(
            number=8,
            group="benefit",
            question="Quality",
            status="met",
            speaks_for="tuning",
            answer="fine_tuned beats rag by +27.8 points (+20.3 to +35.3) on 180 cases.",
            evidence=facts(("p, Holm over 2 pairs", "<0.001"), ("Clusters", "60")),
        ),
        Finding(
            number=9,
            group="benefit",
            question="Cost",
            status="met",
            speaks_for="tuning",
            answer="1,000 requests cost $0.0008 instead of $0.0033; break-even is at 25,200 requests a month.",
            evidence=facts(("Prompt tokens", "31 instead of 200"), ("Latency p50", "31 ms instead of 42 ms")),
        ),
        Finding(
            number=10,
            group="benefit",
            question="Extensibility",
            status="unknown",
            speaks_for="neither",
            answer="No other task set was run; name one under extra_cases to measure transfer and forgetting.",
        ),
    )


def decision() -> Decision:
    return Decision(
        suite="support-desk",
        run_id="2026-11-20T101500-7",
        verdict=Verdict.FINE_TUNE,
        reason="superior",
        explanation="Fine-tune: fine_tuned is worth most, and it answers better. It wins in 96.8% of the joint draws. "
        "fine_tuned against rag on exact_match: +27.8 points (+20.3 to +35.3). Below 30,600 requests a month the "
        "verdict becomes not_decidable.",
        recommended_arm="fine_tuned",
        confidence=0.968,
        p_best={"tuned": 0.968, "untuned": 0.032},
        expected_regret={"few_shot": 30412.0, "rag": 8821.0, "fine_tuned": 96.4, "fine_tuned_rag": 1402.0},
        evpi=96.4,
        evppi={"requests_per_month": 71.2, "quality": 3.1, "labour_hours": 0.4},
        evsi=(
            SampleValue(n_cases=50, value=1.1, cost=50.0),
            SampleValue(n_cases=200, value=2.2, cost=200.0),
            SampleValue(n_cases=1000, value=2.9, cost=1000.0),
        ),
        arms={name: arm_verdict(name) for name in KINDS},
        differences=differences(),
        checklist=checklist(),
        red_flags=(
            RedFlag(
                code="near_duplicate",
                severity="warn",
                message="1 training question is nearly a test question (Jaccard 0.82). Without it exact match of "
                "fine_tuned is 97.2%.",
            ),
            RedFlag(
                code="cache_hit_assumed",
                severity="warn",
                message="The prompt-cache hit rate of 80.0% is assumed, not measured. The verdict is the same cold.",
            ),
        ),
        ledger={name: column(name) for name in KINDS},
        break_even=(
            BreakEven(
                treatment="fine_tuned",
                control="rag",
                basis="net",
                requests_per_month=Interval3(low=19_800.0, mode=level("fine_tuned", "rag"), high=34_700.0),
                months=Interval3(low=0.6, mode=2.9, high=9.8),
                never=0.0,
                reason="1,680 more fixed cost / (12 months x 0.0055625 gained per request)",
            ),
            BreakEven(
                treatment="fine_tuned",
                control="rag",
                basis="cost",
                requests_per_month=Interval3(low=None, mode=1680 / (12 * 2.5e-6), high=None),
                months=None,
                never=0.0,
                reason="1,680 more fixed cost / (12 months x 0.0000025 gained per request)",
            ),
        ),
        would_change=(
            WouldChange(
                input="requests_per_month",
                current=100_000,
                unit="requests a month",
                verdict_now="fine_tune",
                flips_at=30_600,
                verdict_then="not_decidable",
                arm_then="rag",
                closed_form=level("fine_tuned", "rag"),
            ),
            WouldChange(
                input="value_per_correct",
                current=0.02,
                unit="USD per correct answer",
                verdict_now="fine_tune",
                flips_at=0.0061,
                verdict_then="not_decidable",
                arm_then="rag",
                closed_form=0.00504,
            ),
            WouldChange(
                input="labour_hours",
                current=24,
                unit="hours",
                verdict_now="fine_tune",
                flips_at=88.5,
                verdict_then="not_decidable",
                arm_then="rag",
                closed_form=107.1,
            ),
            WouldChange(
                input="quality:rag",
                current=0.694,
                unit="of the score",
                verdict_now="fine_tune",
                flips_at=0.891,
                verdict_then="use_rag",
                arm_then="rag",
            ),
            WouldChange(
                input="retune_every_months",
                current=6,
                unit="months",
                verdict_now="fine_tune",
                flips_at=1.1,
                verdict_then="not_decidable",
            ),
            WouldChange(
                input="device_hour",
                current=0.08,
                unit="USD an hour",
                verdict_now="fine_tune",
                flips_at=None,
                verdict_then=None,
            ),
        ),
        tornado=(
            TornadoBar(
                input="requests_per_month",
                low_input=20_000,
                high_input=500_000,
                at_low=-345.0,
                at_high=31_695.0,
            ),
            TornadoBar(input="quality:rag", low_input=0.57, high_input=0.79, at_low=7970.0, at_high=2690.0),
            TornadoBar(input="labour_hours", low_input=16, high_input=40, at_low=5475.0, at_high=4035.0),
            TornadoBar(
                input="retune_every_months", low_input=3, high_input=12, at_low=4515.0, at_high=5235.0
            ),
        ),
        pareto=("fine_tuned",),
        inputs=DecisionInputs(digests={"comparison": DIGEST[::-1]}, prices_as_of="2026-11-01", judge=None),
        seed=7,
        notes=("4,000 joint draws over clusters, shared by all arms.",),
    )


def comparison() -> Comparison:
    retrieval = RetrievalSummary(method="bm25", top_k=3, recall_at_k=0.95, mrr=0.913, n=N)
    arms = [
        arm_summary(name, KINDS[name], QUALITY[name], retrieval=retrieval if KINDS[name].retrieves else None)
        for name in KINDS
    ]
    arms.append(arm_summary("oracle", ArmKind.RAG, (0.789, 0.944, 0.983), role="curve"))
    for curve in curves():
        arms += [
            arm_summary(
                point.arm,
                KINDS[curve.parent],
                (point.mean, min(1.0, point.mean + 0.02), 1.0),
                role="curve",
                parent=curve.parent,
            )
            for point in curve.points
        ]
    return Comparison(
        primary_metric="exact_match",
        binary=True,
        alpha=0.05,
        margin=0.03,
        reference_arm="few_shot",
        n_cases=N,
        n_clusters=CLUSTERS,
        arms=tuple(arms),
        differences=differences(),
        curves=curves(),
        oracle_best_of_arms=0.989,
        config_differences=("fine_tuned vs few_shot: max_tokens 48 instead of 32",),
    )


def profile() -> Profile:
    question = LengthSpread(unit="tokens", n=N, minimum=9, median=17, p95=24, maximum=29, mean=17.2)
    return Profile(
        cases=N,
        clusters=CLUSTERS,
        largest_cluster=3,
        with_reference=N,
        with_gold_passages=N,
        duplicate_inputs=0,
        input_length=question,
        reference_length=LengthSpread(
            unit="tokens", n=N, minimum=11, median=14, p95=18, maximum=21, mean=14.1
        ),
        tags={"pumps": 66, "valves": 60, "drives": 54},
        passages=60,
        training={
            "train.jsonl": TrainingProfile(
                file="train.jsonl",
                rows=512,
                clusters=60,
                exact_duplicates=0,
                normalised_duplicates=2,
                conflicts=0,
                input_length=question,
                output_length=question,
                distinct_answers=60,
                largest_answer_share=0.021,
                over_limit=0,
                length_limit=320,
                base_already_right=0.0,
                leaked_near=1,
                leaked=(
                    LeakedPair(
                        case_id="p17-b",
                        row_id="t-204",
                        match="near",
                        similarity=0.82,
                        case_text="What is wrong when pump P17 hums but does not turn?",
                        row_text="What is wrong when pump P17 hums and does not turn?",
                    ),
                ),
            )
        },
    )


def tuning() -> TuningReport:
    def run(fraction: float, seed: int) -> TuningRun:
        steps = round(400 * fraction)
        points = tuple(
            LossPoint(
                step=step,
                train=2.4 * math.exp(-6 * step / steps) + 0.002 * seed,
                validation=2.5 * math.exp(-4 * step / steps) + 0.25 * (1.05 - fraction)
                if step % 20 == 0
                else None,
            )
            for step in range(1, steps + 1)
        )
        return TuningRun(
            model="tuned",
            method="lora",
            fraction=fraction,
            seed=seed,
            rows=round(512 * fraction * 0.9),
            validation_rows=round(512 * fraction * 0.1),
            steps=steps,
            tokens=round(244_763 * fraction),
            seconds=153 * fraction,
            trainable_parameters=244_480,
            total_parameters=2_122_720,
            peak_memory_bytes=611_000_000,
            losses=points,
            final_train_loss=points[-1].train,
            final_validation_loss=points[-1].validation,
            adapter=DIGEST,
            cached=seed == 2,
        )

    runs = [run(fraction, 1) for fraction in (0.125, 0.25, 0.5, 0.75, 1.0)]
    return TuningReport(runs=(*runs, run(1.0, 2)))


def manifest() -> Manifest:
    facts = ArmFacts(
        name="few_shot",
        kind=ArmKind.FEW_SHOT,
        role="candidate",
        model="base",
        model_type="embedded",
        prompt="house",
    )
    return Manifest(
        suite="support-desk",
        suite_path="suites/support-desk",
        run_id="2026-11-20T101500-7",
        evalkit_version="0.1.0",
        python_version="3.11.7",
        packages={"torch": "2.13.0", "transformers": "5.23.0", "numpy": "2.4.6"},
        git_commit="a4f6ffc1d2",
        platform="Linux x86_64, 2 cores",
        started_at="2026-11-20T10:15:00Z",
        finished_at="2026-11-20T10:24:41Z",
        seed=7,
        n_cases=N,
        prices_as_of="2026-11-01",
        digests=Digests(
            suite=DIGEST,
            cases=DIGEST[1:] + "0",
            data=DIGEST[2:] + "11",
            prices=DIGEST[3:] + "222",
            weights={"base": DIGEST[4:] + "3333"},
        ),
        arms=(facts,),
    )


def full_run() -> RunRecords:
    return RunRecords(
        manifest=manifest(),
        profile=profile(),
        tuning=tuning(),
        comparison=comparison(),
        decision=decision(),
        excerpts=(
            Excerpt(
                case_id="p17-b",
                input="What is wrong when pump P17 hums but does not turn?",
                reference="Cause: blocked rotor. Fix: clear the inlet.",
                answers=(
                    ExcerptAnswer(
                        arm="few_shot", output="Cause: worn seal. Fix: replace the seal.", value=0.0
                    ),
                    ExcerptAnswer(
                        arm="rag", output="Cause: blocked rotor. Fix: clear the outlet.", value=0.0
                    ),
                    ExcerptAnswer(
                        arm="fine_tuned", output="Cause: blocked rotor. Fix: clear the inlet.", value=1.0
                    ),
                    ExcerptAnswer(
                        arm="fine_tuned_rag", output="Cause: blocked rotor. Fix: clear the inlet.", value=1.0
                    ),
                ),
            ),
            Excerpt(
                case_id="v03-a",
                input="Valve V03 leaks at the stem. What now?",
                reference="Cause: loose gland. Fix: tighten the gland.",
                answers=(
                    ExcerptAnswer(arm="few_shot", output="", value=0.0),
                    ExcerptAnswer(arm="rag", output="Cause: loose gland. Fix: tighten the gland.", value=1.0),
                    ExcerptAnswer(arm="fine_tuned", output=None, value=None),
                    ExcerptAnswer(
                        arm="fine_tuned_rag", output="Cause: loose gland. Fix: tighten the bolt.", value=0.0
                    ),
                ),
            ),
        ),
        use_case="exact answers in the house format",
        target=0.80,
        confidence=0.90,
        embedded=True,
        economics=DeclaredEconomics(
            currency="USD",
            horizon_months=MONTHS,
            requests_per_month=DeclaredRange(low=20_000, mode=VOLUME, high=500_000),
            value_per_correct=float(VALUE),
            prompt_cache_hit=0.8,
        ),
        prices=(
            PriceUsed(
                item="device hour of this machine", price="$0.08", as_of="2026-11-01", source="suite.yaml"
            ),
            PriceUsed(
                item="labour, per hour",
                price="$60.00",
                as_of="2026-11-01",
                source="https://example.org/rates",
            ),
        ),
    )


SCRIPT = "<script>alert(1)</script>"
LONG = "Donaudampfschifffahrtsgesellschaft" * 12
BREAKOUT = (
    "]]></svg></style>--><img src=x onerror=alert(2)> | `a` [x](javascript:alert(3)) \x1b[31m \u202e${{7*7}}"
)
CHINESE = "问：水泵P17嗡嗡作响但不转动，原因是什么？应当如何处理？请按照内部格式回答，并注明参考资料的编号。"


def hostile_run() -> RunRecords:
    """Every name a user chooses and every text a model writes, replaced by something unfriendly."""
    names = {
        "few_shot": f"提示词 {SCRIPT}",
        "rag": "检索增强生成",
        "fine_tuned": LONG[:80],
        "fine_tuned_rag": BREAKOUT,
        "exact_match": "完全匹配_<b>",
    }
    text = to_json(full_run()).decode()
    for old in sorted(names, key=len, reverse=True):
        written = msgspec.json.encode(names[old]).decode()[1:-1]
        # whole strings only, so that kinds and prose keep their words
        for pattern in (
            '"name":{}',
            '"arm":{}',
            '"treatment":{}',
            '"control":{}',
            '"parent":{}',
            '"metric":{}',
            '"primary_metric":{}',
            '"reference_arm":{}',
            '"recommended_arm":{}',
            '"arm_then":{}',
        ):
            text = text.replace(pattern.format(f'"{old}"'), pattern.format(f'"{written}"'))
        for kept in ("{", ","):
            text = text.replace(f'{kept}"{old}":{{', f'{kept}"{written}":{{')
    run = msgspec.json.decode(text, type=RunRecords)
    decided = run.decision
    flags = (
        RedFlag(code="leak_exact", severity="invalid", message=f"训练集中有 3 个测试问题：{SCRIPT}{LONG}"),
        *decided.red_flags,
    )
    findings = (
        msgspec.structs.replace(
            decided.checklist[0],
            status="blocked",
            answer=f"{CHINESE} {BREAKOUT}",
            evidence=(
                Evidence(label=SCRIPT, value=LONG, source="javascript:alert(4)"),
                Evidence(label="price", value="1", source='https://example.org/"onmouseover="alert(5)'),
            ),
        ),
        *decided.checklist[1:],
    )
    return msgspec.structs.replace(
        run,
        manifest=msgspec.structs.replace(
            run.manifest, suite_path="suites/$(rm -rf ~)", suite="客服<台>", git_commit=None
        ),
        decision=msgspec.structs.replace(
            decided,
            verdict=Verdict.NOT_DECIDABLE,
            reason="invalid_evidence",
            explanation=f"{CHINESE}{CHINESE} {SCRIPT}",
            confidence=0.41,
            red_flags=flags,
            checklist=findings,
            currency="CNY",
        ),
        excerpts=(
            Excerpt(
                case_id=SCRIPT,
                input=CHINESE * 3,
                reference=LONG,
                answers=(
                    ExcerptAnswer(arm="检索增强生成", output=BREAKOUT, value=0.0),
                    ExcerptAnswer(arm=names["few_shot"], output=LONG + "\n\n# heading\n| a | b |", value=1.0),
                ),
            ),
        ),
        use_case=f"{CHINESE}{SCRIPT}",
        embedded=False,
    )


def sparse_run() -> RunRecords:
    """A run that could measure and price almost nothing."""
    nothing = Estimate(mean=None, low=None, high=None, method="", n=0, n_clusters=0)
    no_answers = ArmSummary(
        name="only",
        kind=ArmKind.ZERO_SHOT,
        role="candidate",
        model="m",
        n=3,
        ok=0,
        errors=3,
        limited=0,
        coverage=0.0,
        quality={"exact_match": nothing},
    )
    return RunRecords(
        manifest=Manifest(
            suite="tiny",
            suite_path="tiny",
            run_id="r1",
            evalkit_version="0.1.0",
            python_version="3.11",
            started_at="2026-11-20T10:15:00Z",
            seed=0,
            n_cases=3,
            digests=Digests(suite="", cases="", data="", prices=""),
        ),
        profile=Profile(
            cases=3,
            clusters=3,
            largest_cluster=1,
            with_reference=3,
            with_gold_passages=0,
            duplicate_inputs=0,
            input_length=LengthSpread(unit="characters", n=0, minimum=0, median=0, p95=0, maximum=0, mean=0),
        ),
        tuning=None,
        comparison=Comparison(
            primary_metric="exact_match",
            binary=True,
            alpha=0.05,
            margin=0.03,
            reference_arm="only",
            n_cases=3,
            n_clusters=3,
            arms=(no_answers,),
            differences=(),
            missing_reasons={"error": 3},
        ),
        decision=Decision(
            suite="tiny",
            run_id="r1",
            verdict=Verdict.NOT_DECIDABLE,
            reason="missing_input",
            explanation="",
            recommended_arm=None,
            confidence=None,
            p_best={},
            expected_regret={},
            evpi=None,
            arms={
                "only": ArmVerdict(
                    kind=ArmKind.ZERO_SHOT,
                    role="candidate",
                    n=3,
                    coverage=0.0,
                    quality={"exact_match": nothing},
                    cost_per_request=None,
                    cost_per_correct=None,
                    latency=None,
                )
            },
            differences=(),
            checklist=(),
            red_flags=(),
            ledger={
                "only": LedgerColumn(
                    currency="USD",
                    one_off=(LedgerLine(name="Labour", amount=None, basis="unknown hours x 60 per hour"),),
                    standing=(),
                    recurring=(),
                    per_request=(),
                    one_off_total=None,
                    standing_total=None,
                    recurring_total=None,
                    per_request_total=None,
                    requests=1200,
                    total=None,
                    scenarios={"observed": None},
                )
            },
            break_even=(),
            would_change=(),
            inputs=DecisionInputs(digests={}),
            seed=0,
        ),
    )
