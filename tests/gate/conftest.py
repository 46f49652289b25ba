"""What tests of the gate share: a gate of each verdict, and a small baseline, all as records."""

from __future__ import annotations

import pytest

from evalkit.records.baseline import Baseline
from evalkit.records.gate import GateResult
from tests.builders import gates


@pytest.fixture
def failed_gate() -> GateResult:
    return gates.FAILED


@pytest.fixture
def inconclusive_gate() -> GateResult:
    return gates.INCONCLUSIVE


@pytest.fixture
def passed_gate() -> GateResult:
    return gates.PASSED


@pytest.fixture
def small_baseline() -> Baseline:
    return gates.BASELINE
