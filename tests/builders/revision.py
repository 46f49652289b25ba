"""The product as it was at another revision of this repository, run in processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.builders.recorded_runs import ROOT


@contextmanager
def worktree(revision: str) -> Iterator[Path]:
    """A folder with that revision's files, which is gone afterwards.

    Args:
        revision: As git reads it: a commit, a tag, a branch.

    Raises:
        subprocess.CalledProcessError: There is no such revision.
    """
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "tree"
        subprocess.run(
            ["git", "worktree", "add", "--quiet", "--detach", tree, revision], cwd=ROOT, check=True
        )
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)


def run_evalkit(tree: Path, *arguments: object, cache: Path) -> None:
    """Run a command of the product in ``tree``; relative paths are from there, too.

    Args:
        tree: Root of a checkout.
        arguments: What follows ``evalkit``.
        cache: Its cache folder.

    Raises:
        subprocess.CalledProcessError: It ended with an exit code other than 0.
    """
    environment = os.environ | {"PYTHONPATH": str(tree), "EVALKIT_CACHE_DIR": str(cache)}
    command = [sys.executable, "-m", "evalkit", *map(str, arguments)]
    subprocess.run(command, cwd=tree, env=environment, check=True, stdout=subprocess.DEVNULL)
