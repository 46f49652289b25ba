"""Bytes to an endpoint and back: one pool of connections, time limits, times taken at the socket, no secret let out."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import ssl
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

import msgspec

from evalkit.errors import AccessError, RetryableError
from evalkit.models.socket_times import Exchange, current
from evalkit.secrets import Secrets

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
MOST_BYTES = 64 * 2**20
"""Of one reply, after decompression; what a model writes is some hundred kilobytes at most."""
EachPiece = Callable[[bytes, float], None]
"""Called with each piece of a stream and the seconds from the request to its arrival."""


class Reply(msgspec.Struct, frozen=True):
    """What came back.

    Attributes:
        body: Whole, as sent; empty where it was given away piece by piece.
        service_s: Request sent to last byte arrived.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    service_s: float


class Transport:
    """Sends requests to one URL, over as many connections as there are requests at a time.

    Redirections are not followed: the keys in the headers would go wherever the reply says. A reply of more than 64 MB
    is not read to its end.

    Args:
        url: May hold a user name and password, which are sent as basic authentication.
        headers: Of every request.
        total_s: For one attempt, connecting included.
        idle_s: Without a byte; None for no limit of its own.
        secrets: Taken out of what is said of a connection that failed.

    Raises:
        ValueError: That is no URL.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str], *, total_s: float, idle_s: float | None, secrets: Secrets
    ) -> None:
        from yarl import URL

        whole = URL(url)
        self._url = whole.with_user(None)
        self._headers = dict(headers)
        if whole.user:
            account = f"{whole.user}:{whole.password or ''}".encode()
            self._headers = {
                **{name: value for name, value in headers.items() if name.lower() != "authorization"},
                "Authorization": f"Basic {b64encode(account).decode()}",
            }
        self._total_s = total_s
        self._idle_s = idle_s
        self._secrets = secrets
        secrets.add_proxies()
        self._session: ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def send(
        self, body: bytes, each: EachPiece | None = None, *, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send a body and read the reply, whatever its status.

        Args:
            body: JSON.
            each: Given the pieces of a reply that is a stream of events.
            headers: Of this request, in addition to those of every request.

        Raises:
            RetryableError: No whole reply came, or it was too long.
            AccessError: The server is not who it says it is.
        """
        import aiohttp

        session = self._open()
        exchange = Exchange()
        token = current.set(exchange)
        began = time.perf_counter()
        try:
            async with session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                if each is not None and response.status < 300 and _is_stream(response):
                    await self._read_pieces(response, each, exchange, began)
                    content = b""
                else:
                    content = await _read_whole(response)
        except aiohttp.ClientConnectorCertificateError as error:
            raise AccessError(
                f"the server's certificate is not trusted: {self._words(error)}. Name yours in SSL_CERT_FILE."
            ) from error
        except aiohttp.SocketTimeoutError as error:
            raise RetryableError(f"no byte came for {self._idle_s:g} s") from error
        except TimeoutError as error:
            raise RetryableError(f"no answer within the time limit of {self._total_s:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: a reply that is no HTTP
            raise RetryableError(f"the connection failed: {self._words(error)}") from error
        finally:
            exchange.over = True
            current.reset(token)
        service_s = exchange.service_s()
        return Reply(
            response.status,
            response.headers,
            content,
            time.perf_counter() - began if service_s is None else service_s,
        )

    async def fetch(self, url: str, *, total_s: float) -> Reply:
        """Get a page of the same server, with the same headers.

        Raises:
            RetryableError: No whole reply came, or it was too long.
        """
        import aiohttp
        from yarl import URL

        exchange = Exchange()
        token = current.set(exchange)
        try:
            limit, page = aiohttp.ClientTimeout(total=total_s), URL(url).with_user(None)
            async with self._open().get(page, timeout=limit, allow_redirects=False) as response:
                content = await _read_whole(response)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
            raise RetryableError(f"the connection failed: {self._words(error)}") from error
        finally:
            exchange.over = True
            current.reset(token)
        return Reply(response.status, response.headers, content, 0.0)

    async def close(self) -> None:
        """Close the connections; a further request opens them again."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _read_pieces(
        self, response: ClientResponse, each: EachPiece, exchange: Exchange, began: float
    ) -> None:
        read = size = 0
        async for piece in response.content.iter_any():
            size += len(piece)
            if size > MOST_BYTES:
                raise _too_long()
            # Where pieces came in while we were busy they are read as one: it counts from the first of them.
            arrived = exchange.arrivals[read] if read < len(exchange.arrivals) else time.perf_counter()
            read = len(exchange.arrivals)
            each(piece, arrived - (exchange.sent or began))

    def _open(self) -> ClientSession:
        """The session of the running event loop."""
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            self._session = self._new_session()
            self._loop = loop
        return self._session

    def _new_session(self) -> ClientSession:
        import aiohttp

        from evalkit.models.kept_connections import KeptConnections

        return aiohttp.ClientSession(
            headers=self._headers,
            # How many requests are in flight is the caller's business.
            connector=KeptConnections(
                limit=0,
                ssl=_trusted() if self._url.scheme == "https" else True,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._total_s, sock_read=self._idle_s),
            proxy=self._proxy(),
        )

    def _proxy(self) -> str | None:
        """The environment's proxy for this host, looked up once; aiohttp would look it up for every request."""
        host = self._url.host or ""
        near = host in _THIS_MACHINE or proxy_bypass(host)
        return None if near else getproxies().get(self._url.scheme)

    def _words(self, error: Exception) -> str:
        return self._secrets.hide(str(error) or type(error).__name__)


def _trusted() -> ssl.SSLContext:
    """What the SDK trusts: the system's certificates, or those that ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` name.

    Made here, since aiohttp reads the environment when it is imported.
    """
    named = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
    if not named and sys.platform in ("darwin", "win32") and importlib.util.find_spec("truststore"):
        import truststore  # comes with the SDK's transport: Python's own OpenSSL does not see these systems' stores

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return ssl.create_default_context()


def _is_stream(response: ClientResponse) -> bool:
    return "event-stream" in response.headers.get("Content-Type", "").lower()


async def _read_whole(response: ClientResponse) -> bytes:
    """The body. Not by ``response.read``, which undoes compression without a limit."""
    pieces, size = [], 0
    while piece := await response.content.readany():
        size += len(piece)
        if size > MOST_BYTES:
            raise _too_long()
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _too_long() -> RetryableError:
    most = MOST_BYTES // 2**20
    return RetryableError(f"the reply is longer than {most} MB; the rest of it was not read", billed=True)
