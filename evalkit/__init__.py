"""evalkit: should we fine-tune? One task set, every alternative, one report with evidence and money.

The public names below load what they need on first use; ``import evalkit`` loads next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalkit.api import (
        compare,
        decide,
        decide_counts,
        estimate,
        gate,
        import_table,
        load_run,
        merge,
        report,
        reprice,
        run,
        score,
        tune,
        update_baseline,
    )
    from evalkit.errors import (
        AccessError,
        CallError,
        CostLimitError,
        DataError,
        EvalkitError,
        IncompleteRunError,
        InputError,
        InterruptedRunError,
        MissingExtraError,
        NotComparableError,
        RunError,
        SuiteError,
        TuningError,
    )
    from evalkit.pipeline.loaded_run import Run
    from evalkit.records.decision import Decision, Verdict
    from evalkit.records.gate import GateResult
    from evalkit.suite.load import load_suite
    from evalkit.suite.schema import Suite

__all__ = [
    "AccessError",
    "CallError",
    "CostLimitError",
    "DataError",
    "Decision",
    "EvalkitError",
    "GateResult",
    "IncompleteRunError",
    "InputError",
    "InterruptedRunError",
    "MissingExtraError",
    "NotComparableError",
    "Run",
    "RunError",
    "Suite",
    "SuiteError",
    "TuningError",
    "Verdict",
    "compare",
    "decide",
    "decide_counts",
    "estimate",
    "gate",
    "import_table",
    "load_run",
    "load_suite",
    "merge",
    "report",
    "reprice",
    "run",
    "score",
    "tune",
    "update_baseline",
]

_HOMES = {
    "Run": "evalkit.pipeline.loaded_run",
    **dict.fromkeys(
        (
            "compare",
            "decide",
            "decide_counts",
            "estimate",
            "gate",
            "import_table",
            "load_run",
            "merge",
            "report",
            "reprice",
            "run",
            "score",
            "tune",
            "update_baseline",
        ),
        "evalkit.api",
    ),
    **dict.fromkeys(("Decision", "Verdict"), "evalkit.records.decision"),
    "GateResult": "evalkit.records.gate",
    "load_suite": "evalkit.suite.load",
    "Suite": "evalkit.suite.schema",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name not in __all__:
        raise AttributeError(f"module 'evalkit' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "evalkit.errors")), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("evalkit")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0"
