"""The newcomers' map, ``evalkit/README.md``, names the floors that there are, in the order that import-linter holds."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

import evalkit

ROOT = Path(evalkit.__file__).parent
PAGE = (ROOT / "README.md").read_text("utf-8")
CONTRACTS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["tool"][
    "importlinter"
]["contracts"]


PAGES = {
    path.parent: set(re.findall(r"^    (\w+)/?(?: {2,}|$)", page, re.MULTILINE))
    for path in sorted(ROOT.glob("*/**/__init__.py"))
    if (page := ast.get_docstring(ast.parse(path.read_text("utf-8"))))
}
"""Folder to the names that stand, indented, on the page of contents in its ``__init__``."""


def floors() -> set[str]:
    """Packages and modules directly under ``evalkit``."""
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    return packages | {path.stem for path in ROOT.glob("*.py") if not path.stem.startswith("__")}


def layers() -> list[str]:
    """Names in the layer contract, from the top; a name in parentheses is a floor to come and may be missing."""
    (contract,) = (each for each in CONTRACTS if each["type"] == "layers")
    names = [name.strip() for layer in contract["layers"] for name in layer.split("|")]
    return [name.strip("()") for name in names if not name.startswith("(") or name.strip("()") in floors()]


def test_every_floor_is_in_the_contract():
    assert set(layers()) == floors()


def test_every_floor_is_on_the_map_in_the_order_of_the_contract():
    section = PAGE.partition("## The floors")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \| .+ \|$", section, re.MULTILINE) == layers()


def test_what_the_map_points_to_is_there():
    """Files and tables of names in backticks."""
    for name in re.findall(r"`((?:\w+/)*\w+\.py)`", PAGE):
        assert name.endswith("/NAME.py") or (ROOT / name).is_file(), name
    for name, file in re.findall(r"`([A-Z]+)` of `([\w/]+\.py)`", PAGE):
        assert re.search(rf"^{name} = ", (ROOT / file).read_text("utf-8"), re.MULTILINE), (name, file)


@pytest.mark.parametrize(
    "folder", [folder for folder, names in PAGES.items() if names], ids=lambda path: path.name
)
def test_a_page_of_contents_names_every_module_of_its_folder(folder):
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert PAGES[folder] == modules | {path.parent.name for path in folder.glob("*/__init__.py")}


def test_the_groups_of_deciding_have_a_page_of_contents():
    assert {ROOT / "decision" / name for name in ("", "checklist", "payoffs", "verdict")} <= {
        folder for folder, names in PAGES.items() if names
    }


def test_the_map_fits_on_one_screen():
    assert len(PAGE.splitlines()) <= 70
