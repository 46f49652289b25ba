"""``evalkit`` commands that begin warm: forks of one process that has imported everything, torch too.

A command that answers by a local model spends most of its processor time on imports, and each training process spends
it again. Here one process imports, and each command is a fork of it: a process and a session of its own, which
`kill -9` ends at any moment as it ends any other. What the command starts as `python -P -m evalkit.tuning.worker` is a
fork of a second one that stands beside the command, in the command's process group, and ends with it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

WORKER = ["-P", "-m", "evalkit.tuning.worker"]
_LAUNCHER = """#!{python} -IS
import os, socket, sys
if sys.argv[1:] != {worker!r}:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as workers:
    workers.connect({address!r})
    socket.send_fds(workers, [b"{{}}"], [0, 1, 2])
    code = workers.recv(16)
if not code:
    os.kill(os.getpid(), 9)
os._exit(int(code))
"""


class WarmRuns:
    """The process that has imported everything; it ends with the ``with`` block."""

    def __init__(self) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="warm-", ignore_cleanup_errors=True)
        self._address = str(Path(self._home.name) / "runs")
        self._process = subprocess.Popen(
            [sys.executable, __file__, self._address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def __enter__(self) -> WarmRuns:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process; commands that run go on."""
        with self._process:  # closes its pipes, which ends it, and waits
            pass
        self._home.cleanup()

    def start(
        self, arguments: Sequence[str], environment: dict[str, str], cores: Sequence[int] = ()
    ) -> WarmRun:
        """Begin a command.

        Args:
            arguments: What stands behind ``evalkit``.
            environment: Beside the variables of this process.
            cores: What it may run on; default: all.
        """
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._address)
        ours, theirs = os.pipe()
        asked = {"arguments": list(arguments), "environment": environment, "cores": list(cores)}
        socket.send_fds(connection, [json.dumps(asked).encode()], [theirs])
        os.close(theirs)
        return WarmRun(connection, os.fdopen(ours, encoding="utf-8"))


class WarmRun:
    """A command that was begun; used as a ``subprocess.Popen`` is.

    Args:
        connection: Says the process's id first, and its exit code at its end; closed without one after a kill.
        stderr: What it says.
    """

    def __init__(self, connection: socket.socket, stderr: IO[str]) -> None:
        self._connection = connection
        self.stderr = stderr
        self.pid = int(connection.recv(16))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, -9 after a kill; None while it runs."""
        if self.returncode is None and select.select([self._connection], [], [], 0)[0]:
            return self.wait()
        return self.returncode

    def wait(self) -> int:
        """Its exit code, -9 after a kill."""
        if self.returncode is None:
            code = self._connection.recv(16)
            self.returncode = int(code) if code else -signal.SIGKILL
            self._connection.close()
        return self.returncode

    def kill(self) -> None:
        """End the process, and not those that it started."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def read(self) -> str:
        """Wait for its end; gives what it said."""
        with self.stderr:
            said = self.stderr.read()
        self.wait()
        return said


def _serve(address: str, until: int, take: Callable[[dict[str, Any], list[int]], int]) -> None:
    """Fork for each request; the fork does ``take``, and its connection says its id and its exit code.

    Args:
        address: Of the socket.
        until: A file that ends when nobody is to be served any more.
        take: From the request and its files to an exit code.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(64)
        if os.getpid() == _FIRST:
            os.write(1, b"ready\n")
        while True:
            ready = select.select([listening, until], [], [])[0]
            if until in ready:
                return
            connection = listening.accept()[0]
            content, files, _, _ = socket.recv_fds(connection, 1 << 20, 3)
            if os.fork() == 0:
                listening.close()
                os.close(until)
                _take(take, connection, json.loads(content), files)
            for file in files:
                os.close(file)
            connection.close()


def _take(
    take: Callable[[dict[str, Any], list[int]], int],
    connection: socket.socket,
    asked: dict[str, Any],
    files: list[int],
) -> NoReturn:
    code = 70
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        code = take({**asked, "connection": connection}, files)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:  # noqa: BLE001 - a fork must not go on as the process that it came from
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        with contextlib.suppress(OSError):
            connection.send(str(code).encode())
        os._exit(code)


def _command(asked: dict[str, Any], files: list[int]) -> int:
    """One command of evalkit, and beside it the process that its training processes are forks of."""
    from evalkit.cli.main import main

    connection: socket.socket = asked["connection"]
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(0, 1)
    os.dup2(files[0], 2)
    os.close(files[0])
    os.environ.update(asked["environment"])
    if asked["cores"]:
        os.sched_setaffinity(0, asked["cores"])
    folder = Path(tempfile.mkdtemp(prefix="launcher-", dir=sys.argv[1].rpartition("/")[0]))
    until, ours = os.pipe()
    workers = str(folder / "workers")
    if os.fork() == 0:
        os.close(ours)
        connection.close()
        os.dup2(1, 2)
        _serve(workers, until, _worker)
        os._exit(0)
    os.close(until)
    launcher = folder / "python"
    text = _LAUNCHER.format(python=sys.executable, worker=WORKER, address=workers)
    launcher.write_text(text, encoding="utf-8")
    launcher.chmod(0o700)
    sys.executable = str(launcher)
    sys.argv = ["evalkit"]
    connection.send(str(os.getpid()).encode())
    main(asked["arguments"])
    return 0


def _worker(asked: dict[str, Any], files: list[int]) -> int:
    from evalkit.tuning import worker

    del asked
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    worker.main()
    return 0


def _import_everything() -> None:
    """All of evalkit, and what its local models and trainings import when they begin."""
    from peft import LoraConfig, PeftModel, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    import evalkit

    assert (
        LoraConfig and PeftModel and get_peft_model and AutoConfig and AutoModelForCausalLM and AutoTokenizer
    )
    for module in pkgutil.walk_packages(evalkit.__path__, "evalkit."):
        if not module.name.endswith("__main__"):
            with contextlib.suppress(ImportError):  # of an extra that is not here
                importlib.import_module(module.name)


_FIRST = os.getpid()

if __name__ == "__main__":
    _import_everything()
    _serve(sys.argv[1], 0, _command)
