"""Answers what a run owes, in processes that a test kills.

Each line on standard input starts one: a fork of this process, so that the imports are paid once. Its id is written,
then, once it has ended, its exit status. Arguments: the server's URL, the run's folder, how many cases.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import openai  # noqa: F401 - before the forks
from conftest import ArmRun, numbered

if __name__ == "__main__":
    url, folder, count = sys.argv[1:]
    for number, _ in enumerate(sys.stdin):
        pid = os.fork()
        if pid == 0:
            # The cache of a session is named by the requests before it: each process has one of its own.
            run = ArmRun(SimpleNamespace(url=url, requests=[None] * number), Path(folder))
            run.cases = numbered(int(count))
            run.session(concurrency=8, cached=False)
            os._exit(0)
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)
