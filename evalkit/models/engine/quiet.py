"""Foreign libraries without their noise: no progress bars while a model loads, one line of an error of any kind."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import transformers
from jinja2 import TemplateError

from evalkit.errors import EvalkitError, InputError

_MOST_LETTERS = 500
_SPEAKING = (OSError, ValueError, ImportError, RuntimeError, TemplateError)


def first_line(error: BaseException) -> str:
    """The first line of a foreign error, for one of our messages; its class where the line alone says too little."""
    line = str(error).strip().splitlines()[0][:_MOST_LETTERS] if str(error).strip() else ""
    if isinstance(error, _SPEAKING):
        return line or type(error).__name__
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


@contextmanager
def unusable(
    what: str, *, library: str = "transformers", passed: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Whatever a library raises over files that may be damaged or a stranger's is an ``InputError`` of ours.

    The libraries check little of what they read, so a list where settings belong, a type that torch does not have or a
    header of weights that is cut short ends in an error of almost any class.

    Args:
        what: What cannot be used, and what to do; ends a sentence.
        library: Whose words are quoted.
        passed: Errors that are not the files' fault.
    """
    try:
        yield
    except (EvalkitError, MemoryError):
        raise
    except passed:
        raise
    except Exception as error:  # see above; the folder is at fault, and the message names it
        raise InputError(f"{what} {library} says: {first_line(error)}") from error


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No progress bars and no advice from transformers and peft while a model loads."""
    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
