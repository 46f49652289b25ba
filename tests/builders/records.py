"""Records with fields that a test does not care about filled in."""

from __future__ import annotations

from typing import Any

from evalkit.records.arm import ArmFacts
from evalkit.records.manifest import Digests, Manifest
from evalkit.records.tuning import TuningRun


def manifest(*arms: ArmFacts, **fields: Any) -> Manifest:
    """The manifest of a run of one case by these arms."""
    given: dict[str, Any] = {
        "suite": "s",
        "suite_path": "s",
        "run_id": "r",
        "evalkit_version": "0",
        "python_version": "3",
        "started_at": "",
        "seed": 0,
        "n_cases": 1,
        "digests": Digests(suite="", cases="", data="", prices=""),
        "arms": arms,
    }
    return Manifest(**(given | fields))


def training(**fields: Any) -> TuningRun:
    """One training of the model ``tuned`` on 100 rows, whose losses nobody noted."""
    given: dict[str, Any] = {
        "model": "tuned",
        "method": "lora",
        "fraction": 1.0,
        "seed": 1,
        "rows": 100,
        "validation_rows": 5,
        "steps": 10,
        "tokens": 1000,
        "seconds": 1.0,
        "trainable_parameters": 1,
        "total_parameters": 2,
        "peak_memory_bytes": 1,
        "losses": (),
        "final_train_loss": 0.1,
        "final_validation_loss": None,
        "adapter": "a",
    }
    return TuningRun(**(given | fields))
