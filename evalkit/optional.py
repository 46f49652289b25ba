"""Optional dependencies: say which extra brings them, and switch their telemetry off first."""

from __future__ import annotations

import importlib
import importlib.util
import os
from types import ModuleType

from evalkit.errors import MissingExtraError

# Set before the import, since each library reads its variable at import time.
_QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "RAGAS_DO_NOT_TRACK": "true",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "TOKENIZERS_PARALLELISM": "false",
    # By default torch's threads wait for each other by spinning. On cores that others use too that made a batch of
    # the embedded model eight times slower (measured with two threads on two busy cores).
    "OMP_WAIT_POLICY": "PASSIVE",
}


def silence_telemetry() -> None:
    """Set the environment variables that keep dependencies from reporting home; those the user set stay as they are."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)


def require(module: str, extra: str) -> ModuleType:
    """The imported module, or an error that says which extra to install.

    Raises:
        MissingExtraError: The module is not installed.
    """
    silence_telemetry()
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise _missing(module, extra) from error


def present(module: str, extra: str) -> None:
    """Raise an error that says which extra to install unless ``module`` is installed; imports nothing.

    Raises:
        MissingExtraError: The module is not installed.
    """
    if importlib.util.find_spec(module) is None:
        raise _missing(module, extra)


def _missing(module: str, extra: str) -> MissingExtraError:
    return MissingExtraError(
        f"{module} is not installed; it comes with the extra {extra!r}: pip install 'evalkit[{extra}]'"
    )
