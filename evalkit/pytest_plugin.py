"""``pytest --evalkit SUITE``: each rule of the gate, and each case that has to be right, is a test.

Without the option nothing of evalkit but this file is imported, and of others only the standard library and pytest.
With it the suite is run, or a finished run taken, once: in the process that was started. Workers of pytest-xdist are
handed the names, ends and messages of the tests, run none of the suite and import nothing of evalkit either.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypedDict

import pytest

if TYPE_CHECKING:
    from evalkit.records.gate import GateResult

_HANDED = "evalkit_gates"
_PLACE = "evalkit"
_ROUND = str.maketrans("[]", "()")
_LONGEST_LINE, _LONGEST_NAME = 1_000, 250


class _Test(TypedDict):
    """One test, in what JSON knows."""

    name: str
    outcome: str
    message: str


class _Gate(TypedDict):
    """A gate that was judged, or why it was not: its tests, and what is said of it at the end."""

    title: str
    tests: list[_Test]
    summary: list[str]


_GATES = pytest.StashKey[list[_Gate]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; called by pytest."""
    group = parser.getgroup(_PLACE, "evalkit: the regression gate")
    group.addoption(
        "--evalkit",
        action="append",
        metavar="SUITE|RUN",
        help="Run this suite, or take this finished run, and hold it against its baseline: each gate rule is a test. "
        "May be given several times.",
    )
    group.addoption(
        "--evalkit-baseline",
        metavar="FILE",
        help="File of the run to compare with; default: baseline.json in the suite's folder.",
    )


@pytest.hookimpl(tryfirst=True)  # before -k and -m choose
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the tests of the gates; called by pytest once it has collected its own."""
    if not config.getoption("evalkit"):
        return
    if session.testsfailed and not config.getoption("continue_on_collection_errors"):
        return  # pytest will run nothing, so nothing is spent on a suite
    for gate in _gates(config):
        for test in gate["tests"]:
            node = f"{_PLACE}::{gate['title']}::{test['name']}"
            items.append(GateItem.from_parent(session, name=test["name"], nodeid=node, test=test))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand the gates to a worker; called by pytest-xdist in the process that started it."""
    if node.config.getoption("evalkit"):
        node.workerinput[_HANDED] = json.dumps(_gates(node.config))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what each gate came to; called by pytest at its end."""
    for gate in config.stash.get(_GATES, []):
        terminalreporter.section(f"evalkit gate: {gate['title']}")
        for line in gate["summary"]:
            terminalreporter.write_line(line)


class GateFailure(Exception):  # noqa: N818 - a finding of the gate, and no error of the code
    """Ends a test of the gate that failed."""


class GateItem(pytest.Item):
    """One rule, or one case that has to be right, as pytest sees it."""

    def __init__(self, *, test: _Test, **given: Any) -> None:
        super().__init__(**given)
        self._test = test

    def runtest(self) -> None:
        """End as the gate found: nothing is measured here."""
        if self._test["outcome"] == "failure":
            raise GateFailure(self._test["message"])
        if self._test["outcome"] == "skipped":
            pytest.skip(self._test["message"])

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The gate's own words instead of a traceback."""
        if isinstance(excinfo.value, GateFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Where it stands: in no file of tests."""
        return self.path, None, self.nodeid


def _gates(config: pytest.Config) -> list[_Gate]:
    """The gates that were asked for, each judged once and by one process only."""
    handed = getattr(config, "workerinput", None)
    if handed is not None:
        gates: list[_Gate] = json.loads(handed[_HANDED])
        return gates
    if _GATES not in config.stash:
        targets = list(dict.fromkeys(config.getoption("evalkit")))
        baseline = config.getoption("evalkit_baseline")
        if baseline is not None and len(targets) > 1:
            raise pytest.UsageError(
                "--evalkit-baseline goes with one --evalkit; each suite has a baseline of its own"
            )
        collects_only = bool(config.getoption("collectonly"))  # asks no model
        config.stash[_GATES] = [] if collects_only else [_judged(config, each, baseline) for each in targets]
    return config.stash[_GATES]


def _judged(config: pytest.Config, target: str, baseline: str | None) -> _Gate:
    import evalkit
    from evalkit.errors import EvalkitError, IncompleteRunWarning, InputError, InterruptedRunError
    from evalkit.plain import one_line

    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.ensure_newline()
        reporter.write_line(f"evalkit: {one_line(target)} is held against its baseline; a suite is run first")
    try:
        with warnings.catch_warnings():
            # The project's own filters are for its own code; what is missing is told by an error.
            warnings.simplefilter("default")
            warnings.simplefilter("ignore", IncompleteRunWarning)
            result = evalkit.gate(target, baseline)
    except InputError as error:
        raise pytest.UsageError(str(error)) from error
    except InterruptedRunError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.INTERRUPTED)
    except EvalkitError as error:  # not comparable, answers owed, the cost limit: nothing was judged
        test: _Test = {"name": "gate", "outcome": "failure", "message": f"Nothing was judged. {error}"}
        return {"title": _name(target), "tests": [test], "summary": ["Nothing was judged."]}
    return {"title": _name(result.suite), "tests": _named_apart(_tests(result)), "summary": _summary(result)}


def _tests(result: GateResult) -> Iterator[_Test]:
    from evalkit.plain import unobeyed
    from evalkit.reporting.gate.gate_tests import must_pass_test, rule_test, shown_text, worse_cases

    made = [(rule.name, rule_test(rule, result), tuple(worse_cases(rule, result))) for rule in result.rules]
    made += [(f"must_pass/{case.arm}/{case.case_id}", must_pass_test(case), ()) for case in result.must_pass]
    for name, test, further in made:
        lines = (test.message, *further, *test.lines) if test.outcome == "failure" else (test.message,)
        shown = "\n".join(unobeyed(shown_text(line, _LONGEST_LINE)) for line in lines)
        yield {"name": _name(name), "outcome": test.outcome, "message": shown}
    if not made:
        yield {"name": "gate", "outcome": "skipped", "message": result.headline}


def _summary(result: GateResult) -> list[str]:
    from evalkit.plain import unobeyed
    from evalkit.reporting.gate.gate_tests import shown_text

    warned = [f"Warning: {warning}" for warning in result.warnings]
    lines = (result.headline, *warned, f"Details: {result.run_path}/gate.md")
    return [unobeyed(shown_text(line, _LONGEST_LINE)) for line in lines]


def _name(text: str) -> str:
    """A name in one line, without the signs that part the words and the parameters of a test's id."""
    from evalkit.plain import one_line

    return one_line(text[:_LONGEST_NAME]).replace("::", ":").translate(_ROUND)


def _named_apart(tests: Iterator[_Test]) -> list[_Test]:
    """The tests; of equal names all but the first carry a number, as pytest-xdist knows tests by name."""
    made: list[_Test] = []
    taken: set[str] = set()
    for test in tests:
        name, number = test["name"], 1
        while name in taken:
            number += 1
            name = f"{test['name']} ({number})"
        taken.add(name)
        made.append({**test, "name": name})
    return made
