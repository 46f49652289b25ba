"""What a reader of the source may count on: short functions, few parameters, docstrings, no shattered files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import evalkit
from tests.structure_figures import LONGEST, MOST_PARAMETERS, Package

ROOT = Path(evalkit.__file__).parent
MOST_BROAD_EXCEPTS = 4
COMMANDS_AS_CALLS = {f"{ROOT / 'api.py'} run"}
"""`evalkit.run` is the command `evalkit run` as a call: each of its parameters is an option of that command."""


@pytest.fixture(scope="module")
def package() -> Package:
    return Package(ROOT)


def test_no_function_is_longer_than_a_screen(package):
    assert [f"{row.place} ({row.lines})" for row in package.functions if row.lines > LONGEST] == []


def test_no_function_takes_more_than_seven_parameters(package):
    wide = [row for row in package.functions if row.parameters > MOST_PARAMETERS and not row.command]
    names = {f"{row.place.partition(':')[0]} {row.name}" for row in wide}
    assert names == COMMANDS_AS_CALLS


def test_every_public_function_has_a_docstring(package):
    assert [row.place for row in package.functions if row.public and not row.documented] == []


def test_catching_everything_is_rare_and_has_its_reason_on_the_line(package):
    assert len(package.broad_excepts) <= MOST_BROAD_EXCEPTS
    assert [place for place, line in package.broad_excepts if not re.search(r"# .*\w+ \w+", line)] == []


def test_no_small_file_serves_one_neighbour_only(package):
    assert package.small_with_one_reader == []


def test_the_figures_see_what_they_are_to_find(tmp_path):
    """A package with one fault of each kind."""
    root = tmp_path / "evalkit"
    (root / "floor").mkdir(parents=True)
    (root / "floor" / "__init__.py").write_text("")
    (root / "floor" / "piece.py").write_text("def _inner(self, b):\n    return b\n")
    body = "\n".join("    a += 1" for _ in range(LONGEST))
    (root / "floor" / "whole.py").write_text(
        "from evalkit.floor.piece import _inner\n"
        f'def long(a):\n    """Has a docstring."""\n{body}\n    return a\n'
        "class Wide:\n    def call(self, a, b, c, d, e, f, g, *, h):\n        def inner(): pass\n"
        "        try:\n            return _inner(a, b)\n        except Exception:\n            raise\n"
    )
    package = Package(root)
    assert [row.name for row in package.functions if row.lines > LONGEST] == ["long"]
    assert [(row.name, row.parameters) for row in package.functions if row.parameters > 7] == [("call", 8)]
    assert [row.name for row in package.functions if row.public and not row.documented] == ["call"]
    assert [line for _, line in package.broad_excepts] == ["except Exception:"]
    assert [row.partition(" <- ")[2] for row in package.small_with_one_reader] == ["evalkit.floor.whole"]
    assert Package(root, "elsewhere").paths == []
