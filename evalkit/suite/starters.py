"""The suites that travel with evalkit."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent


def starters() -> dict[str, Path]:
    """Name to folder: inside an installed package, or beside it in a checkout."""
    for home in (_PACKAGE / "_suites", _PACKAGE.parent / "suites"):
        if home.is_dir():
            return {path.parent.name: path.parent for path in sorted(home.glob("*/suite.yaml"))}
    return {}
