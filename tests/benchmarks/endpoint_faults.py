"""Every fault of an endpoint against `evalkit run` and a resume: python tests/benchmarks/endpoint_faults.py [NAME ...]

Each run has twelve cases. What is asked: no exit code 1, no case without a row, no answer of another case, no case
asked twice that has an answer, and, once the endpoint is mended, one request for each cell that was owed. Also shown:
the seconds of each fault and the most memory so far.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.builders.endpoint_faults import FAULTS
from tests.builders.fault_run import run_with_fault


def main() -> None:
    """Run those that are named, or all."""
    os.environ.setdefault("OPENAI_API_KEY", "of-this-benchmark")
    wrong = 0
    names = sys.argv[1:] or list(FAULTS)
    for name in names:
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            found = run_with_fault(FAULTS[name], Path(folder))
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        wrong += bool(found)
        print(
            f"{name:<42}{time.perf_counter() - began:6.1f} s {peak_mb:6.0f} MB  {'; '.join(found) or 'well'}",
            flush=True,
        )
    print(f"{len(names) - wrong} of {len(names)} faults cost the cells that they met and nothing else")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
