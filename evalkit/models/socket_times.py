"""When a request left and when its answer arrived, stamped at the socket and not when our coroutine ran.

At concurrency 64 the event loop may turn to an answer tens of milliseconds after its bytes came in. Sockets made
here stamp bytes as they are written, and ask the kernel when those they read had arrived (Linux, ``SO_TIMESTAMPNS``);
elsewhere the moment they are read stands in. An event loop that never calls ``socket.recv`` (uvloop, Windows'
proactor) stamps nothing, and the caller's own clock is all there is.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer
    from aiohttp import AddrInfoType

_SO_TIMESTAMPNS = 35  # asm-generic/socket.h; the socket module does not name it
_KERNEL_STAMPS = sys.platform == "linux"
_SPACE = socket.CMSG_SPACE(16) if _KERNEL_STAMPS else 0
_TIMESPEC = struct.Struct("@qq")


class Exchange:
    """The times of one request and its answer, in seconds of ``time.perf_counter``.

    Attributes:
        sent: When the request's last byte was handed to the kernel; None before, and where nothing is stamped.
        arrivals: When each piece of the answer arrived.
        over: Whether the answer was read to its end, or given up: what comes after it on the same connection was not
            asked for.
    """

    __slots__ = ("arrivals", "over", "sent")

    def __init__(self) -> None:
        self.sent: float | None = None
        self.arrivals: list[float] = []
        self.over = False

    def service_s(self) -> float | None:
        """Request sent to last byte arrived; None where nothing was stamped."""
        return self.arrivals[-1] - self.sent if self.arrivals and self.sent is not None else None


current: ContextVar[Exchange | None] = ContextVar("evalkit_exchange", default=None)
"""The exchange that bytes written in this context belong to. A connection carries one exchange at a time."""


class StampingSocket(socket.socket):
    """A TCP socket that stamps what passes through it, also below TLS and a proxy's tunnel.

    Attributes:
        unasked: Whether bytes came after an answer was whole and before the next request left.
    """

    unasked = False
    _exchange: Exchange | None = None

    @property
    def used(self) -> bool:
        """Whether it has carried a request and the whole answer to it."""
        return self._exchange is not None and self._exchange.over

    def send(self, data: ReadableBuffer, flags: int = 0, /) -> int:
        """Send and stamp."""
        self._stamp_sent()
        return super().send(data, flags)

    def sendmsg(self, *arguments: object) -> int:
        """Send and stamp."""
        self._stamp_sent()
        return super().sendmsg(*arguments)  # type: ignore[arg-type]

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Receive and stamp."""
        if not _KERNEL_STAMPS:
            data = super().recv(size, flags)
            self._stamp_arrived(len(data), [])
            return data
        data, ancillary, _, _ = self.recvmsg(size, _SPACE, flags)
        self._stamp_arrived(len(data), ancillary)
        return data

    def recv_into(self, buffer: WriteableBuffer, size: int = 0, flags: int = 0) -> int:
        """Receive and stamp; what TLS reads through."""
        if not _KERNEL_STAMPS or size:
            count = super().recv_into(buffer, size, flags)
            self._stamp_arrived(count, [])
            return count
        count, ancillary, _, _ = self.recvmsg_into([buffer], _SPACE, flags)
        self._stamp_arrived(count, ancillary)
        return count

    def _stamp_sent(self) -> None:
        exchange = current.get()
        if exchange is not None:
            # A TLS handshake writes in the same context: the last write before the answer is the request's.
            exchange.sent = time.perf_counter()
            exchange.arrivals.clear()
            self._exchange = exchange

    def _stamp_arrived(self, count: int, ancillary: list[tuple[int, int, bytes]]) -> None:
        exchange = self._exchange
        if exchange is None or count == 0:  # 0: the server closed the connection
            return
        if exchange.over:
            self.unasked = True
            return
        now = time.perf_counter()
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(value) == _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack(value)
                waited = (time.time_ns() - seconds * 1_000_000_000 - nanoseconds) * 1e-9
                # The wall clock may be set in between; an arrival lies after the request all the same.
                if 0 <= waited <= now - (exchange.sent or now):
                    now -= waited
        exchange.arrivals.append(now)


def stamping_socket(address: AddrInfoType) -> StampingSocket:
    """A socket for ``aiohttp.TCPConnector(socket_factory=...)``."""
    family, kind, protocol, _, _ = address
    made = StampingSocket(family, kind, protocol)
    if _KERNEL_STAMPS:
        made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    return made
