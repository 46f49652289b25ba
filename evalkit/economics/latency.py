"""Latency figures as vLLM and AIPerf define them, and no percentile that the sample is too small for.

TTFT is the time from sending the request to the first token; TPOT the time per output token after the first,
(E2E - TTFT) / (output tokens - 1); E2E the whole request. LLMPerf's inter-token latency includes TTFT and is
another figure.

References:
    vLLM, ``benchmarks/serve.py``; NVIDIA AIPerf, metrics reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evalkit.economics.triangular import FloatArray


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Percentiles of one latency; None where there are too few requests for it.

    Attributes:
        n: Requests with a known value.
        p50: From 2 requests.
        p90: From 10.
        p95: From 20.
        p99: From 100.
    """

    n: int
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Goodput:
    """Requests that met every limit.

    Attributes:
        met: How many met all limits; one whose value is unknown did not.
        n: How many there were.
        unknown: How many had no value for some limit.
        per_s: ``met`` per second of the run.
        share: ``met`` / ``n``.
    """

    met: int
    n: int
    unknown: int
    per_s: float
    share: float


def enough_for(percent: int, n: int) -> bool:
    """Whether n values carry a percentile: n >= 1 / (1 - p).

    >>> enough_for(95, 19), enough_for(95, 20)
    (False, True)
    """
    return n * (100 - percent) >= 100


def percentiles(seconds: FloatArray) -> Percentiles:
    """p50, p90, p95 and p99 by linear interpolation.

    Args:
        seconds: Shape (n,); NaN (a request without the figure) is left out.

    >>> percentiles(np.arange(1.0, 21.0))
    Percentiles(n=20, p50=10.5, p90=18.1, p95=19.05, p99=None)
    """
    timed = seconds[np.isfinite(seconds)]

    def percentile(percent: int) -> float | None:
        return float(np.percentile(timed, percent)) if enough_for(percent, len(timed)) else None

    return Percentiles(len(timed), percentile(50), percentile(90), percentile(95), percentile(99))


def tpot(end_to_end_s: FloatArray, ttft_s: FloatArray, output_tokens: FloatArray) -> FloatArray:
    """Time per output token after the first.

    Args:
        end_to_end_s: Shape (n,), send to last token.
        ttft_s: Shape (n,), send to first token.
        output_tokens: Shape (n,).

    Returns:
        Shape (n,), seconds; NaN where there is no second token or a part is unknown.

    >>> tpot(np.array([2.0, 1.0]), np.array([0.5, 0.5]), np.array([16.0, 1.0])).tolist()
    [0.1, nan]
    """
    later = output_tokens - 1
    per_token: FloatArray = np.full(later.shape, np.nan)
    np.divide(end_to_end_s - ttft_s, later, out=per_token, where=later > 0)
    return per_token


def goodput(values: Mapping[str, FloatArray], limits: Mapping[str, float], duration_s: float) -> Goodput:
    """Requests that met every limit, per second.

    Args:
        values: Latency name to shape (n,) seconds, one row a request that was sent, NaN where unknown.
        limits: Latency name to its upper limit in seconds; each must be in ``values``.
        duration_s: Wall time of the run, above 0.

    Raises:
        ValueError: A limit has no values, there is no request, or the duration is not above 0.

    >>> goodput({"e2e": np.array([0.5, 1.5, np.nan])}, {"e2e": 1.0}, duration_s=2.0)
    Goodput(met=1, n=3, unknown=1, per_s=0.5, share=0.3333333333333333)
    """
    if missing := sorted(set(limits) - set(values)):
        raise ValueError(f"no values for the limit {', '.join(missing)}")
    if not limits or not duration_s > 0:
        raise ValueError("goodput needs a limit and a duration above 0 seconds")
    columns = np.stack([values[name] for name in limits])
    n = columns.shape[1]
    if n == 0:
        raise ValueError("goodput needs at least one request")
    ceiling = np.array(list(limits.values()))[:, np.newaxis]
    met = int((columns <= ceiling).all(axis=0).sum())
    return Goodput(met, n, int(np.isnan(columns).any(axis=0).sum()), met / duration_s, met / n)
