"""What the tests of wrong cases share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def evalkit_command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """``evalkit_command("validate", folder)`` runs the command in a process of its own."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "evalkit", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path.cwd(),
        )

    return run
