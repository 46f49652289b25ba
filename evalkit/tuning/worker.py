"""A process that trains: reads requests line by line, answers each with a line. Ends at once when its input ends.

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

from evalkit.ending import ENDING_SIGNALS
from evalkit.errors import EvalkitError, InputError
from evalkit.records.record import from_json, to_json
from evalkit.registry import TUNERS
from evalkit.tuning.protocol import Trainer
from evalkit.tuning.train_requests import (
    PAUSE_LINE,
    TrainingPaused,
    TrainRequest,
    TrainResult,
    pause_requested,
)


def main() -> None:
    """Serve requests from standard input."""
    # Ctrl-C, a closed terminal and many a supervisor reach every process; the parent decides what becomes of this one.
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    results = _claim_stdout()
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    while True:
        results.write(to_json(_train(requests.get())).decode() + "\n")
        results.flush()


def _listen(requests: queue.SimpleQueue[str]) -> None:
    """Take requests while another thread trains; a parent that was killed must not leave a process that trains on."""
    for line in sys.stdin:
        if line.encode() == PAUSE_LINE:
            pause_requested.set()
        else:
            requests.put(line)
    os._exit(0)


def _claim_stdout() -> TextIO:
    """Standard output for results alone; what libraries print goes to standard error."""
    own = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own


def _train(line: str) -> TrainResult:
    try:
        spec = from_json(line, TrainRequest).spec()
        trainer = cast(type[Trainer], TUNERS.load(spec.config.method, plugins=True))()  # the parent may
        return TrainResult(run=trainer.tune(spec))
    except TrainingPaused:
        return TrainResult(paused=True)
    except EvalkitError as error:
        return TrainResult(error=str(error), is_input_error=isinstance(error, InputError))
    except Exception as error:  # noqa: BLE001 - a third party's tuner; the parent names the job and the reason
        traceback.print_exc()
        return TrainResult(error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
