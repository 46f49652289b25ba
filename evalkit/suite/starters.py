"""The suites that travel with evalkit."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent


def starters() -> dict[str, Path]:
    """Name to folder: the suites inside an installed package, or beside it in a checkout, and the blank one."""
    found: dict[str, Path] = {}
    for home in (_PACKAGE / "_suites", _PACKAGE.parent / "suites"):
        if home.is_dir():
            found = {path.parent.name: path.parent for path in sorted(home.glob("*/suite.yaml"))}
            break
    return found | {"blank": Path(__file__).parent / "blank"}
