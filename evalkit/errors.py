"""Every error evalkit raises on purpose, as one tree.

    EvalkitError
    ├── InputError            the suite, the data or the command is wrong           exit 2
    │   ├── SuiteError        suite.yaml: an unknown key, a bad type, a dangling name
    │   ├── DataError         cases, examples, corpus or answers
    │   ├── RunError          a run folder that is missing, locked, or made by another version
    │   └── MissingExtraError an optional dependency is not installed
    ├── CallError             one request to a model failed (journaled, never scored)
    │   ├── RetryableError    worth another attempt: 429, 5xx, a dropped connection, a timeout
    │   ├── RequestError      the provider refused this request for good
    │   └── AccessError       wrong key, no permission, no such model: every request would fail
    ├── TuningError           training did not finish
    ├── NotComparableError    a run and its baseline answer other questions         exit 102
    ├── IncompleteRunError    the run ended with failed or owed cells               exit 104 (Python: a warning)
    ├── InterruptedRunError   stopped by a signal; what was answered is kept         exit 128 + its number: 130
    └── CostLimitError        stopped by the cost limit                              exit 103

A foreign error is translated once, where it enters, with ``raise ... from``.
"""

from __future__ import annotations

import difflib
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from evalkit.plain import one_line, plain

MOST_PROBLEMS = 20
"""Problems of one data file that are listed at once; the rest is likely the same mistake."""


class EvalkitError(Exception):
    """Base of all errors raised on purpose; ``exit_code`` is what a command returns for it.

    As a string it holds no control character: messages quote file names, suites and what providers say, and are shown
    by notebooks and loggers too.
    """

    exit_code = 1

    def __str__(self) -> str:
        """The message, fit for a terminal."""
        return plain(super().__str__())


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input.

    Attributes:
        file: The file as the user named it.
        line: 1-based line, or None when no single line is to blame.
        where: Dotted path inside the file (``arms.rag.model``), or "".
        message: What is wrong and what to do.
    """

    file: str
    line: int | None
    where: str
    message: str

    def __str__(self) -> str:
        file, where = one_line(self.file), one_line(self.where)
        place = file if self.line is None else f"{file}:{self.line}"
        return f"{place}: {where}: {self.message}" if where else f"{place}: {self.message}"


class InputError(EvalkitError):
    """The suite, the data or the command is wrong; nothing was run and nothing on disk was changed.

    Args:
        *problems: What is wrong, one after the other; a plain string stands for one without a file.
    """

    exit_code = 2

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class SuiteError(InputError):
    """``suite.yaml`` cannot be used."""


class DataError(InputError):
    """Cases, examples, a corpus or recorded answers cannot be used."""

    @classmethod
    def first_of(cls, problems: Sequence[Problem]) -> Self:
        """The error for a file in which many rows may be wrong: it lists the first 20 problems.

        >>> len(DataError.first_of([Problem("cases.jsonl", line, "", "has no input") for line in range(99)]).problems)
        20
        """
        return cls(*problems[:MOST_PROBLEMS])


class RunError(InputError):
    """A run folder is missing, locked by another process, or made by another version."""


class MissingExtraError(InputError):
    """An optional dependency is needed and not installed."""


class CallError(EvalkitError):
    """One request failed. The cell is journaled as ``error`` and is never scored."""


class RetryableError(CallError):
    """Worth another attempt.

    Args:
        message: What the provider or the transport said.
        retry_after_s: Seconds the provider asked to wait, or None.
        throttled: True where the provider limits the rate, so that all requests to it should slow down.
        status: The HTTP status by which it said so, or None.
        billed: True where an answer, or a part of one, had come and could not be used: the provider may charge for it.
    """

    def __init__(
        self,
        message: str,
        retry_after_s: float | None = None,
        *,
        throttled: bool = False,
        status: int | None = None,
        billed: bool = False,
    ) -> None:
        self.retry_after_s = retry_after_s
        self.throttled = throttled
        self.status = status
        self.billed = billed
        super().__init__(message)


class RequestError(CallError):
    """The provider refused this one request; asking again would not help."""


class AccessError(CallError):
    """Every request to this endpoint would fail: a wrong key, no permission, no such model."""

    exit_code = 104


class TuningError(EvalkitError):
    """Training did not finish."""


class NotComparableError(EvalkitError):
    """A run cannot be compared with its baseline: cases, metrics, judge or arms are others. Nothing was judged.

    Args:
        message: Names every key that differs and says how to go on.
        keys: What differs, as short names: ``suite``, ``cases``, ``metrics.exact_match``, ``arms.rag``.
    """

    exit_code = 102

    def __init__(self, message: str, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        super().__init__(message)


class IncompleteRunError(EvalkitError):
    """The run ended with failed or owed cells.

    Args:
        message: Holds the command that asks for them again.
        run_path: The run's folder; everything else of it is done.
    """

    exit_code = 104

    def __init__(self, message: str, run_path: str) -> None:
        self.run_path = run_path
        super().__init__(message)


class IncompleteRunWarning(UserWarning):
    """A run that was asked for from Python ended with failed or owed cells; its text is that of the error."""


class CacheWarning(UserWarning):
    """A part of a cache is damaged, or nothing more can be kept in it. It is left aside, and the run goes on."""


class InterruptedRunError(EvalkitError):
    """Stopped by the user; the message holds the command that resumes it.

    Args:
        message: What is kept and how to go on.
        number: The signal: Ctrl-C, or SIGTERM (exit 143) or SIGHUP (exit 129), as shells count them.
    """

    exit_code = 130

    def __init__(self, message: str = "", number: int = signal.SIGINT) -> None:
        self.exit_code = 128 + number
        super().__init__(message)


class CostLimitError(EvalkitError):
    """Stopped before the cost limit was passed; the message holds the command that resumes."""

    exit_code = 103


_LONGEST_NAME = 200
_MOST_NAMES = 100


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """The sentences that end a message about an unknown name.

    >>> did_you_mean("gtp", ["base", "gpt"])
    "Defined: 'base', 'gpt'. Did you mean 'gpt'?"
    >>> did_you_mean("x", [])
    'None is defined.'
    """
    names = [str(name) for name in valid]  # choices may be members of an enumeration
    if not names:
        return "None is defined."
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    listed = "Defined: " + ", ".join(repr(one) for one in names[:_MOST_NAMES]) + f"{more}."
    if (
        len(name) > _LONGEST_NAME
    ):  # the comparison takes time in proportion to the square of the length, or worse
        return listed
    close = difflib.get_close_matches(name.lower(), [one.lower() for one in names], n=1, cutoff=0.5)
    if not close:
        return listed
    match = next(one for one in names if one.lower() == close[0])
    return f"{listed} Did you mean {match!r}?"
