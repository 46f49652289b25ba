"""Connections that are kept for the next request, and given up where a server speaks on them without being asked.

A second response to one request would be taken for the answer to the next one, and every later case would get the
answer of another. So for the first tenth of a second after a server's first answer no connection is used twice, and
later ones are looked at before they are: one that has brought bytes since its last answer was whole is closed, and from
then on that server gets a connection for each request. What a server that had been quiet so long sends at the moment in
which the next request leaves, or after it, cannot be told from the answer to it.
"""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING, Any

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
        self._sockets: dict[int, StampingSocket] = {}  # by descriptor, whose number the next one takes over
        self._keeps = True
        self._watched = False
        self._quiet_from: float | None = None
        super().__init__(socket_factory=self._socket, **options)

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        """A connection on which nothing has been said since its last answer.

        Raises:
            aiohttp.ClientConnectionError: The server spoke on a new connection before it was asked.
        """
        while True:
            connection = await super().connect(req, traces, timeout)
            made = self._socket_of(connection)
            used = made if made is not None and made.used else None
            if used is not None and not self._watched:
                await self._watch(connection)
            if self._has_spoken(connection, used):
                connection.close()
                if used is None:
                    raise aiohttp.ClientConnectionError("the server sent bytes before it was asked for any")
            elif used is not None and not self._keeps:
                connection.close()
            else:
                if not self._keeps and connection.protocol is not None:
                    connection.protocol.force_close()
                return connection

    async def _watch(self, connection: Connection) -> None:
        """Wait until the server is known to stay quiet after an answer; once, since the first one has come."""
        now = time.monotonic()
        if self._quiet_from is None:
            self._quiet_from = now + _WATCHED_S
        if self._keeps and now < self._quiet_from:
            waited = False
            try:
                await asyncio.sleep(self._quiet_from - now)
                waited = True
            finally:
                if not waited:  # interrupted, or out of time: nobody else gives it back
                    connection.close()
        self._watched = True

    def _has_spoken(self, connection: Connection, used: StampingSocket | None) -> bool:
        """Whether a connection holds something that nobody asked for, or has been closed at the other end."""
        protocol = connection.protocol
        if used is not None and used.unasked:
            self._keeps = False
            return True
        if protocol is None or not protocol.is_connected():  # closed while it was watched
            return True
        if protocol.should_close:
            self._keeps = False
            return True
        return False

    def _socket(self, address: AddrInfoType) -> socket.socket:
        made = stamping_socket(address)
        self._sockets[made.fileno()] = made
        return made

    def _socket_of(self, connection: Connection) -> StampingSocket | None:
        transport = connection.transport
        plain = None if transport is None else transport.get_extra_info("socket")
        return None if plain is None else self._sockets.get(plain.fileno())
