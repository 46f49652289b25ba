"""Every package that evalkit may need is pinned, hashed, and of a licence that somebody has read."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
APART = {"torch", "evalkit"}
"""Installed by themselves: PyTorch's builds differ by processor, and evalkit is the working tree."""

BUILD = {"hatchling", "editables"}
"""What makes evalkit's own wheel; hashed as well, so that `--no-build-isolation` fetches nothing."""

ALLOWED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python", "ISC", "MIT", "MIT-0",
    "PSF-2.0", "Zlib",
}  # fmt: skip
"""Permissive licences, which Apache-2.0 code may be distributed with."""

REVIEWED = {
    "certifi": "MPL-2.0",
    "hypothesis": "MPL-2.0",
    "pathspec": "MPL-2.0",
    "tqdm": "MPL-2.0 AND MIT",
}
"""Packages of other licences: copyleft by file, so that code which only imports them is not touched."""

_SPELLED = {
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache-2.0 with llvm-exception": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "2-clause bsd": "BSD-2-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "the mit license (mit)": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "psfl": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
}
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[\w,.-]+\])?==(\S+)")


def _project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def _needed() -> dict[str, Distribution]:
    """By name, everything installed here that evalkit with all its extras asks for, and what that asks for."""
    project = _project()
    extras = [
        text for name, texts in project["optional-dependencies"].items() if name != "all" for text in texts
    ]
    waiting = [Requirement(text) for text in (*project["dependencies"], *extras)]
    found: dict[str, Distribution] = {}
    asked: set[tuple[str, str]] = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        for extra in ("", *sorted(wanted.extras)):
            if (name, extra) in asked:
                continue
            asked.add((name, extra))
            try:
                found[name] = distribution(wanted.name)
            except PackageNotFoundError:  # an extra that is not installed here
                continue
            for text in found[name].requires or ():
                each = Requirement(text)
                if each.marker is None or each.marker.evaluate({"extra": extra}):
                    waiting.append(each)
    return found


@pytest.fixture(scope="module")
def needed() -> dict[str, Distribution]:
    packages = _needed()
    assert len(packages) > 60, "too few to prove anything"
    return packages


def _pins(file: Path) -> dict[str, str]:
    lines = file.read_text("utf-8").splitlines()
    return {canonicalize_name(pin[1]): pin[2] for line in lines if (pin := _PIN.match(line))}


@pytest.fixture(scope="module")
def constraints() -> dict[str, str]:
    return _pins(ROOT / "constraints.txt")


def test_every_package_that_is_needed_stands_in_the_constraints(needed, constraints):
    assert {name for name in needed if name not in constraints} == set()


def test_the_tests_run_with_the_versions_of_the_constraints(needed, constraints):
    others = {
        name: (package.version, constraints[name])
        for name, package in needed.items()
        if Version(package.version).public != constraints[name]  # a build such as +cpu is the same release
    }
    assert others == {}


def test_the_hashes_are_those_of_the_constraints(needed, constraints):
    """Every package but those apart, at the version of the constraints, with at least one SHA-256."""
    text = (ROOT / ".ci" / "requirements.txt").read_text("utf-8")
    hashed = _pins(ROOT / ".ci" / "requirements.txt")
    assert {name for name in needed if name not in hashed} - APART == set()
    assert APART & hashed.keys() == set()
    assert hashed.keys() >= BUILD
    assert {
        name: version for name, version in hashed.items() if constraints.get(name, version) != version
    } == {}
    entries = re.sub(r"\\\n\s*", " ", text).splitlines()
    entries = [entry for entry in entries if entry and not entry.startswith("#")]
    assert len(entries) == len(hashed)
    assert [entry for entry in entries if not re.search(r" --hash=sha256:[0-9a-f]{64}( |$)", entry)] == []


@pytest.mark.parametrize("name", ["constraints.txt", ".ci/requirements.txt"])
def test_no_list_names_where_packages_come_from(name):
    """The index is the machine's own affair."""
    text = (ROOT / name).read_text("utf-8")
    assert "://" not in text
    assert not re.search(
        r"^\s*(-i|--index-url|--extra-index-url|-f|--find-links|--trusted-host)", text, re.MULTILINE
    )


def licence_of(package: Distribution) -> str | None:
    """A package's licence as SPDX writes it, by its metadata; None where that does not say it in known words."""
    fields = package.metadata
    if expression := fields.get("License-Expression"):
        return str(expression)
    classifiers = [
        line.rpartition("::")[2].strip()
        for line in fields.get_all("Classifier") or []
        if line.startswith("License") and "::" in line
    ]
    first_line = str(fields.get("License") or "").strip().partition("\n")[0]
    for words in (first_line, *classifiers):
        parts = _parts(words)
        if parts and all(part in ALLOWED or part in REVIEWED.values() for part in parts):
            return " AND ".join(parts)
    return first_line if re.search(r"\bL?A?GPL", first_line) else None


def _parts(expression: str) -> list[str]:
    words = [part.strip() for part in re.split(r"\s+(?:AND|OR)\s+|[()]", expression) if part.strip()]
    if expression.casefold() in _SPELLED:
        return [_SPELLED[expression.casefold()]]
    return [_SPELLED.get(word.casefold(), word) for word in words]


def test_every_licence_is_permissive_or_was_reviewed(needed):
    """Unknown is refused too: read the licence, then name it above."""
    refused = {}
    for name, package in needed.items():
        licence = licence_of(package)
        if name in REVIEWED:
            assert licence == REVIEWED[name], name
        elif licence is None or not set(_parts(licence)) <= ALLOWED:
            refused[name] = licence
    assert refused == {}


@pytest.mark.parametrize("words", ["GPL-3.0-only", "GNU General Public License v3", "proprietary", ""])
def test_a_licence_that_nobody_read_is_refused(words, tmp_path):
    folder = tmp_path / "theirs-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\nLicense: {words}\n")
    licence = licence_of(Distribution.at(folder))
    assert licence is None or not set(_parts(licence)) <= ALLOWED
