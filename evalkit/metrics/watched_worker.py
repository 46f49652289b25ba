"""The process in which a suite's patterns and schemas meet an answer; the kernel ends it where that takes too long.

A program of its own, started by its path with nothing of the caller's environment: the standard library is all that a
pattern needs, and what a schema needs is imported from the caller's ``sys.path`` with the first one. A request is four
bytes of length and a JSON object; so is a reply.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import re
import signal
import sys
from typing import Any

_LARGEST_MEMORY = 2_000_000_000  # bytes of address space
_validators: dict[str, Any] = {}


def main() -> None:
    """Serve requests from standard input until it ends."""
    # Ctrl-C, a closed terminal and many a supervisor reach every process; the caller decides what becomes of this one.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    _bound_memory()
    while len(head := sys.stdin.buffer.read(4)) == 4:
        request = json.loads(sys.stdin.buffer.read(int.from_bytes(head, "big")))
        reply = json.dumps(_answer(request)).encode()
        sys.stdout.buffer.write(len(reply).to_bytes(4, "big") + reply)
        sys.stdout.buffer.flush()


def _answer(request: dict[str, Any]) -> Any:
    """What is asked for: the groups of a match, or what a schema says of a text."""
    if "sys_path" in request:
        sys.path[:] = request["sys_path"]
    is_search = "pattern" in request
    if not is_search:
        import evalkit.metrics.schema_validator  # noqa: F401 - before the time counts
    _start_clock(request["limit_s"])
    try:
        return _search(request) if is_search else _validate(request)
    except MemoryError:
        return {"over": "memory_limit"}
    finally:
        _start_clock(0.0)


def _search(request: dict[str, Any]) -> list[str | None] | None:
    pattern = re.compile(request["pattern"], request["flags"])
    match = (pattern.fullmatch if request["full"] else pattern.search)(request["text"])
    return None if match is None else [match[0], *match.groups()]


def _validate(request: dict[str, Any]) -> dict[str, Any]:
    from evalkit.metrics.schema_validator import build_validator, judge

    if "schema" in request:
        try:
            _validators[request["key"]] = build_validator(request["schema"])
        except ValueError as error:
            return {"refused": str(error)}
    return {} if request["text"] is None else judge(_validators[request["key"]], request["text"])


def _start_clock(limit_s: float) -> None:
    """End this process after so many seconds of processor time (where a system has no such timer: of any time)."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, limit_s)
    elif limit_s:
        faulthandler.dump_traceback_later(limit_s, exit=True)
    else:
        faulthandler.cancel_dump_traceback_later()


def _bound_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = _LARGEST_MEMORY if hard == resource.RLIM_INFINITY else min(hard, _LARGEST_MEMORY)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


if __name__ == "__main__":
    main()
