"""What ``import evalkit`` gives, and what it must not load."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import pytest

import evalkit

HEAVY = (
    "torch",
    "transformers",
    "peft",
    "ragas",
    "lm_eval",
    "streamlit",
    "ray",
    "openai",
    "pandas",
    "numpy",
    "scipy",
)


def python(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout


def test_every_public_name_is_there_and_nothing_else():
    for name in evalkit.__all__:
        assert getattr(evalkit, name) is not None
    assert sorted(evalkit.__all__) == evalkit.__all__
    assert set(dir(evalkit)) == {*evalkit.__all__, "__version__"}
    with pytest.raises(AttributeError):
        evalkit.no_such_name  # noqa: B018


def test_public_names_have_docstrings():
    for name in evalkit.__all__:
        assert getattr(evalkit, name).__doc__


def test_importing_evalkit_loads_nothing_heavy():
    loaded = json.loads(python("import evalkit, sys, json; print(json.dumps(sorted(sys.modules)))"))
    assert not set(HEAVY) & set(loaded)


def test_importing_any_floor_loads_no_model_library():
    """torch, transformers, openai and pandas are imported where they are used, never on the way."""
    program = (
        "import importlib, pkgutil, sys, json, evalkit\n"
        "skip = ('tests.embedded_model', 'evalkit.__main__', 'evalkit.models.engine')\n"
        "for found in pkgutil.walk_packages(evalkit.__path__, 'evalkit.'):\n"
        "    if not found.name.startswith(skip) and 'tuning.' not in found.name: importlib.import_module(found.name)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    loaded = json.loads(python(program))
    assert not {"torch", "transformers", "peft", "openai", "pandas", "altair", "streamlit"} & set(loaded)


@pytest.mark.parametrize(
    ("arguments", "limit_s"),
    [(["-c", "import evalkit"], 0.15), (["-m", "evalkit", "--help"], 0.2)],
    ids=["import", "help"],
)
def test_starting_takes_little_work(arguments, limit_s):
    """Processor seconds, the least of several runs: wall time on a shared machine says little (see the benchmark)."""

    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(5)) < limit_s
