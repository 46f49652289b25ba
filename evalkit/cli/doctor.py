"""``evalkit doctor``."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import click

from evalkit.cli.options import json_option, print_json
from evalkit.cli.screen import say

_EXTRAS = {
    "local": ("torch", "transformers", "peft"),
    "gemini": ("google-genai", "google-auth"),
    "retrieval": ("qdrant-client", "sentence-transformers"),
}
_KEYS = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "AZURE_OPENAI_API_KEY",
    "GOOGLE_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "HF_TOKEN",
    "HF_HOME",
    "EVALKIT_CACHE_DIR",
)


@click.command(name="doctor")
@json_option
def command(as_json: bool) -> int:
    """Say what this machine has: versions, extras, keys (never their values), cache."""
    from evalkit import __version__
    from evalkit.store.cache import cache_folder

    cache = cache_folder() / "responses.sqlite"
    facts: dict[str, object] = {
        "evalkit": __version__,
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cache": str(cache),
        "cache_bytes": cache.stat().st_size if cache.exists() else 0,
        "keys_set": [name for name in _KEYS if os.environ.get(name)],
        "extras": {name: _extra(name, packages) for name, packages in _EXTRAS.items()},
    }
    if as_json:
        print_json(facts)
        return 0
    for name, value in facts.items():
        if isinstance(value, dict):
            for extra, state in value.items():
                say(f"{'extra ' + extra:<14} {state}")
        elif isinstance(value, list):
            say(f"{name:<14} {', '.join(value) or 'none'}")
        else:
            say(f"{name:<14} {value}")
    return 0


def _extra(extra: str, packages: tuple[str, ...]) -> str:
    installed, missing = [], []
    for package in packages:
        try:
            installed.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            missing.append(package)
    if missing:
        return f"missing {', '.join(missing)}: pip install 'evalkit[{extra}]'"
    return ", ".join(installed)
