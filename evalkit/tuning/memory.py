"""How much memory a training took at its height."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import re
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # proc(5): the peak becomes the present size


def reset_peak_memory() -> None:
    """Forget the peak of what this process did before. Only Linux can; elsewhere the peak is the process's own."""
    gc.collect()
    try:
        _CLEAR.write_text(_RESET_PEAK)
    except OSError:
        return


def give_back_free_memory() -> None:
    """Hand pages that nothing uses any more to the system, where the C library can (glibc).

    Parts of unequal length leave holes in the heap. Without this the resident size of a training grows by a third.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def peak_memory_bytes() -> int:
    """Resident peak of this process since the last reset."""
    try:
        high_water = re.search(r"^VmHWM:\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE)
    except OSError:
        high_water = None
    if high_water:
        return int(high_water[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
