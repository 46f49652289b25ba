"""The starter suites that ship with evalkit."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent


def starters() -> dict[str, Path]:
    """Name to folder of every starter suite: of the installed package or the checkout, and the blank one."""
    suites: dict[str, Path] = {}
    for home in (_PACKAGE / "_suites", _PACKAGE.parent / "suites"):
        if home.is_dir():
            suites = {path.parent.name: path.parent for path in sorted(home.glob("*/suite.yaml"))}
            break
    return suites | {"blank": Path(__file__).parent / "blank"}
