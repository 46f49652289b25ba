"""500 mutated suite, case and answer files; the benchmark `fuzz_inputs.py` runs 10,000."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


@pytest.mark.slow
def test_mutated_files_are_accepted_or_refused_with_a_file_and_a_reason(tmp_path):
    """Never a traceback, never a run begun and left half."""
    script = Path(__file__).parents[1] / "benchmarks" / "fuzz_inputs.py"
    spec = importlib.util.spec_from_file_location("fuzz_inputs", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.fuzz(500, 20261120, tmp_path)
    assert set(found) <= {"accepted (0)", "accepted (104)", "refused (2)"}, found
    assert found["accepted (0)"] > 20
    assert found["refused (2)"] > 20
