"""A streamed answer: server-sent events put together."""

from __future__ import annotations

from evalkit.errors import RetryableError
from evalkit.models.openai_payload import Answer, finish_of, piece_of, read_payload
from evalkit.models.openai_usage import read_usage
from evalkit.records.sample import Usage

_DONE = b"[DONE]"


class StreamedAnswer:
    """Collects the events of one stream, fed in pieces that may end anywhere.

    Only ``data:`` lines are read; comments (which some providers send to keep the connection), event names and
    ids are passed over. Lines end with LF, CR LF or CR.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._after_cr = False
        self._data: list[bytes] = []
        self._pieces: list[str] = []
        self._finish: str | None = None
        self._usage: Usage | None = None

    @property
    def begun(self) -> bool:
        """Whether a piece of text has come."""
        return bool(self._pieces)

    def feed(self, chunk: bytes) -> None:
        """Read one piece of the body.

        Raises:
            RetryableError: An event cannot be read, or holds an error.
        """
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_cr = chunk.endswith(b"\r")
        lines = (self._rest + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                self._end_event()

    def answer(self) -> Answer:
        """The whole answer, once the body has ended.

        Raises:
            RetryableError: The stream broke off.
        """
        if self._rest:
            self.feed(b"\n")
        if self._data:
            self._end_event()
        if self._finish is None:
            raise RetryableError("the stream ended before the answer was finished")
        return Answer("".join(self._pieces), finish_of(self._finish), self._usage)

    def _end_event(self) -> None:
        data = b"\n".join(self._data)
        self._data.clear()
        if data == _DONE:
            return
        payload = read_payload(data)
        self._usage = read_usage(payload.usage) or self._usage
        if payload.choices:
            choice = payload.choices[0]
            if piece := piece_of(choice):
                self._pieces.append(piece)
            self._finish = choice.finish_reason or self._finish
