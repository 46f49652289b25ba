"""A process that trains: reads orders line by line, answers each with a line. Ends when its input ends, at once.

A program of its own rather than a ``multiprocessing`` child: that would import the caller's main script again,
which trains a second time where the script has no guard, and hand over its arguments as pickles.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import traceback
from typing import TextIO, cast

from evalkit.errors import EvalkitError, InputError
from evalkit.records.record import from_json, to_json
from evalkit.registry import TUNERS
from evalkit.tuning import pause
from evalkit.tuning.protocol import Tuner
from evalkit.tuning.train_requests import TrainRequest, TrainResult


def main() -> None:
    """Serve orders from standard input."""
    # Ctrl-C reaches every process of the terminal; the parent decides what becomes of this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = _claim_stdout()
    orders: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    while True:
        answers.write(to_json(_carry_out(orders.get())).decode() + "\n")
        answers.flush()


def _listen(orders: queue.SimpleQueue[str]) -> None:
    """Take orders while another thread trains; a parent that was killed must not leave a process that trains on."""
    for line in sys.stdin:
        if line.encode() == pause.WORD:
            pause.asked.set()
        else:
            orders.put(line)
    os._exit(0)


def _claim_stdout() -> TextIO:
    """Standard output for answers alone; what libraries print goes to standard error."""
    own = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own


def _carry_out(line: str) -> TrainResult:
    try:
        spec = from_json(line, TrainRequest).spec()
        tuner = cast(type[Tuner], TUNERS.load(spec.config.method))()
        return TrainResult(run=tuner.tune(spec))
    except pause.Paused:
        return TrainResult(paused=True)
    except EvalkitError as error:
        return TrainResult(error=str(error), is_input_error=isinstance(error, InputError))
    except Exception as error:  # noqa: BLE001 - a third party's tuner; the parent names the job and the reason
        traceback.print_exc()
        return TrainResult(error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
