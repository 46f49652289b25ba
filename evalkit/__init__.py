"""evalkit: should we fine-tune? One task set, every alternative, one report with evidence and money."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("evalkit")
except PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = "0.1.0"
