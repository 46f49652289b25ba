"""Connections that are kept for the next request, and given up where a server speaks on them without being asked.

A second response to one request would be taken for the answer to the next one, and every later case would get the
answer of another. So for the first tenth of a second after a server's first answer no connection is used twice, and
later ones are looked at before they are: one that has brought bytes since its last answer was whole is closed, and from
then on that server gets a connection for each request. What a server that had been quiet so long sends only after the
next request has left cannot be told from the answer to it.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import aiohttp

from evalkit.models.socket_times import StampingSocket, stamping_socket

if TYPE_CHECKING:
    from aiohttp import AddrInfoType, ClientRequest, ClientTimeout
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace


_WATCHED_S = 0.1


class KeptConnections(aiohttp.TCPConnector):
    """As many connections as there are requests at a time; each is looked at before it is used again.

    Args:
        **options: Of ``aiohttp.TCPConnector``.
    """

    def __init__(self, **options: Any) -> None:
        self._sockets: WeakValueDictionary[int, StampingSocket] = WeakValueDictionary()
        self._keeps = True
        self._quiet_from: float | None = None
        super().__init__(socket_factory=self._socket, **options)

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        """A connection on which nothing has been said since its last answer.

        Raises:
            aiohttp.ClientConnectionError: The server spoke on a new connection before it was asked.
        """
        watched: list[Connection] = []
        try:
            while True:
                connection = await super().connect(req, traces, timeout)
                made = self._socket_of(connection)
                used = made is not None and made.used
                if self._has_spoken(connection, made if used else None):
                    connection.close()
                    if not used:
                        raise aiohttp.ClientConnectionError(
                            "the server sent bytes before it was asked for any"
                        )
                elif used and not self._keeps:
                    connection.close()
                elif used and self._watches():
                    watched.append(connection)
                else:
                    if not self._keeps and connection.protocol is not None:
                        connection.protocol.force_close()
                    return connection
        finally:
            for each in watched:
                each.release()

    def _watches(self) -> bool:
        """Whether the server is not known yet to stay quiet after an answer; asked once one has come."""
        now = time.monotonic()
        if self._quiet_from is None:
            self._quiet_from = now + _WATCHED_S
        return now < self._quiet_from

    def _has_spoken(self, connection: Connection, used: StampingSocket | None) -> bool:
        """Whether a connection holds something that nobody asked for, or has been closed at the other end."""
        protocol = connection.protocol
        if (protocol is not None and protocol.should_close) or (used is not None and used.unasked):
            self._keeps = False
            return True
        return used is not None and _readable(used)

    def _socket(self, address: AddrInfoType) -> socket.socket:
        made = stamping_socket(address)
        self._sockets[made.fileno()] = made
        return made

    def _socket_of(self, connection: Connection) -> StampingSocket | None:
        transport = connection.transport
        plain = None if transport is None else transport.get_extra_info("socket")
        return None if plain is None else self._sockets.get(plain.fileno())


def _readable(made: StampingSocket) -> bool:
    """Whether the kernel holds bytes, or the end, that the event loop has not read yet."""
    try:
        socket.socket.recv(made, 1, socket.MSG_PEEK)  # past the one of StampingSocket, which takes the bytes
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
