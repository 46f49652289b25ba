"""A virtual environment for a benchmark that needs other people's programs, kept apart from evalkit's own packages.

It lies in ``EVALKIT_BENCHMARK_ENVIRONMENTS``, else in the folder for temporary files, and is used again as long as
the same packages are asked for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"
_DONE = "installed.json"


class NotInstallableError(Exception):
    """The packages cannot be had here; says the last thing that pip said."""


def folder_of(name: str) -> Path:
    """Where an environment lies."""
    root = os.environ.get("EVALKIT_BENCHMARK_ENVIRONMENTS")
    return (Path(root) if root else Path(tempfile.gettempdir()) / "evalkit-benchmarks") / name


def own_environment(name: str, packages: Sequence[str], *, constrained: bool = True) -> Path:
    """The interpreter of an environment with these packages.

    Args:
        name: Of its folder.
        packages: As pip takes them.
        constrained: Whether to keep to the versions of ``constraints.txt``.

    Raises:
        NotInstallableError: pip cannot install them.
    """
    folder = folder_of(name)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    asked = [*packages, *(["-c", str(CONSTRAINTS)] if constrained else [])]
    done = folder / _DONE
    if python.exists() and done.exists() and json.loads(done.read_text()) == asked:
        return python
    print(f"making the environment {folder}: {' '.join(packages)}", file=sys.stderr, flush=True)
    venv.create(folder, with_pip=True, clear=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--prefer-binary", *asked]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        said = [line for line in made.stderr.splitlines() if line.startswith("ERROR") or "error" in line]
        raise NotInstallableError((said or made.stderr.splitlines() or ["pip failed"])[-1][:300])
    done.write_text(json.dumps(asked))
    return python


def version_in(python: Path, package: str) -> str:
    """A package's version there."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run(
        [str(python), "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
