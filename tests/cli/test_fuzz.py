"""500 mutated suite, case and answer files; the benchmark `fuzz_inputs.py` runs 10,000."""

from __future__ import annotations

import pytest

from tests.benchmarks import fuzz_inputs


@pytest.mark.slow
def test_mutated_files_are_accepted_or_refused_with_a_file_and_a_reason(tmp_path):
    """Never a traceback, never a run begun and left half."""
    found = fuzz_inputs.fuzz(500, 20261120, tmp_path)
    assert set(found) <= {"accepted (0)", "accepted (104)", "refused (2)"}, found
    assert found["accepted (0)"] > 20
    assert found["refused (2)"] > 20
