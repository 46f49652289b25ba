"""Server-sent events, put together from pieces that may end anywhere."""

from __future__ import annotations

from collections.abc import Iterator


class ServerEvents:
    """Splits a body into the data of its events.

    Only ``data:`` lines are read; comments (which some providers send to keep the connection), event names and
    ids are passed over. Lines end with LF, CR LF or CR.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._after_cr = False
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The data of the events that end in one piece of the body; to be read to its end."""
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_cr = chunk.endswith(b"\r")
        lines = (self._rest + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                yield self._whole()

    def end(self) -> Iterator[bytes]:
        """The data of an event that the body ended in, without the empty line after it."""
        if self._rest:
            yield from self.feed(b"\n")
        if self._data:
            yield self._whole()

    def _whole(self) -> bytes:
        data = b"\n".join(self._data)
        self._data.clear()
        return data
