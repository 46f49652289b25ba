"""How long starting takes: `python tests/benchmarks/bench_start.py`.

Wall seconds, minimum and median of 15, of `import evalkit`, `evalkit --help` and, as the yardstick in the same run, an
interpreter that does nothing.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import evalkit": ["-c", "import evalkit"],
    "--help": ["-m", "evalkit", "--help"],
}


def main() -> None:
    yardstick = 0.0
    for name, arguments in COMMANDS.items():
        times = []
        for _ in range(15):
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            times.append(time.perf_counter() - start)
        median = statistics.median(times)
        yardstick = yardstick or median
        print(
            f"{name:<16} min {min(times):.3f} s, median {median:.3f} s, {median / yardstick:.1f} x an empty interpreter"
        )


if __name__ == "__main__":
    main()
