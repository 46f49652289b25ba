"""Server-sent events, put together from pieces that may end anywhere."""

from __future__ import annotations

from collections.abc import Iterator

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class ServerEvents:
    """Splits a body into the data of its events.

    Only ``data`` lines are read, in capitals too; comments (which some providers send to keep the connection), event
    names and ids are passed over. Lines end with LF, CR LF or CR. A byte order mark before the first line is no part
    of it.
    """

    def __init__(self) -> None:
        self._line: list[bytes] = []  # pieces of a line that has not ended
        self._after_cr = False
        self._first = True
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The data of the events that end in one piece of the body; to be read to its end."""
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_cr = chunk.endswith(b"\r")
        *ended, rest = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for end in ended:
            line = b"".join((*self._line, end))
            self._line.clear()
            if self._first:
                self._first, line = False, line.removeprefix(_BYTE_ORDER_MARK)
            if line[:5].lower() == b"data:":
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                yield self._whole()
        if rest:
            self._line.append(rest)

    def end(self) -> Iterator[bytes]:
        """The data of an event that the body ended in, without the empty line after it."""
        if self._line:
            yield from self.feed(b"\n")
        if self._data:
            yield self._whole()

    def _whole(self) -> bytes:
        data = b"\n".join(self._data)
        self._data.clear()
        return data
