"""Time and peak memory of the bootstrap, and its speed against scipy's on the same work in the same run.

python tests/benchmarks/bench_bootstrap.py
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import stats as scipy_stats

from evalkit.stats.bayesian_bootstrap import joint_means
from evalkit.stats.bootstrap import bootstrap_bounds, resampled_sums
from evalkit.stats.compare import paired_difference
from evalkit.stats.scored_cases import ScoredCases

N_DRAWS = 10_000


def seconds_of(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measured(label: str, work: Callable[[], object]) -> None:
    """Print wall and processor seconds of a plain run, then the peak memory that a traced one allocates."""
    processor = time.process_time()
    seconds = seconds_of(work)
    processor = time.process_time() - processor
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    print(f"{label:<72} {seconds:8.3f} s {processor:8.3f} cpu s {peak:6.0f} MB", flush=True)


def time_case_count(n_cases: int, source: np.random.Generator) -> None:
    graded = source.random((n_cases, 4))
    binary = (graded > 0.5).astype(float)
    first, second = graded[:, 0], graded[:, 1]
    size = f"{n_cases:,} cases x 4 arms"
    kinds = ("prompting", "retrieval", "tuned", "tuned")
    cases = ScoredCases(("a", "b", "c", "d"), kinds, graded, alongside={"cost": graded})
    measured(f"bootstrap sums, graded, {size}", lambda: resampled_sums(graded, N_DRAWS, source))
    measured(f"bootstrap sums, 0/1, {size}", lambda: resampled_sums(binary, N_DRAWS, source))
    measured(
        f"joint draws of quality and cost, {size}",
        lambda: joint_means(cases, source, n_draws=N_DRAWS),
    )
    measured(
        f"paired difference, graded, BCa and sign-flip, {n_cases:,} cases",
        lambda: paired_difference(first, second, None, binary=False, alpha=0.05, rng=source),
    )


def compare_with_scipy(n_cases: int, times: int, source: np.random.Generator) -> None:
    """Processor seconds, best of several that take turns, so that a neighbour's load falls on both alike."""
    differences = source.random(n_cases) - source.random(n_cases)
    rows = np.column_stack((differences, np.ones(n_cases)))
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: bootstrap_bounds(rows, lambda sums: sums[..., 0] / sums[..., 1], 0.05, source),
        **{f"scipy {batch}": partial(scipy_bca, differences, batch, source) for batch in (None, 500, 50)},
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(times):
        for name, work in ways.items():
            start = time.process_time()
            work()
            best[name] = min(best[name], time.process_time() - start)
    ours = best.pop("ours")
    theirs = min(best.values())  # the batch that suits scipy best
    print(
        f"{n_cases:>7,} cases: ours {ours:.4f} s, scipy {theirs:.4f} s, ratio {theirs / ours:.1f}", flush=True
    )


def scipy_bca(values: np.ndarray, batch: int | None, source: np.random.Generator) -> object:
    return scipy_stats.bootstrap(
        (values,), np.mean, n_resamples=N_DRAWS, method="BCa", rng=source, batch=batch
    )


def main() -> int:
    source = np.random.default_rng(7)
    print(f"{N_DRAWS:,} draws; numpy {np.__version__}\n")
    for n_cases in (200, 100_000):
        time_case_count(n_cases, source)
    print(
        "\nBCa interval of a mean difference against scipy.stats.bootstrap, processor time, best of several each"
    )
    for n_cases, times in ((200, 30), (2_000, 5), (10_000, 3)):
        compare_with_scipy(n_cases, times, source)
    return 0


if __name__ == "__main__":
    sys.exit(main())
