"""A streamed answer: server-sent events put together."""

from __future__ import annotations

from evalkit.errors import RetryableError
from evalkit.models.openai_payload import OpenAIReply, finish_of, piece_of, read_payload
from evalkit.models.openai_usage import read_usage
from evalkit.models.server_events import ServerEvents
from evalkit.records.sample import Usage

_DONE = b"[DONE]"


class StreamedAnswer:
    """Collects the events of one stream, fed in pieces that may end anywhere."""

    def __init__(self) -> None:
        self._events = ServerEvents()
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
        for data in self._events.feed(chunk):
            self._read(data)

    def answer(self) -> OpenAIReply:
        """The whole answer, once the body has ended.

        Raises:
            RetryableError: The stream broke off.
        """
        for data in self._events.end():
            self._read(data)
        if self._finish is None:
            raise RetryableError("the stream ended before the answer was finished")
        return OpenAIReply("".join(self._pieces), finish_of(self._finish), self._usage)

    def _read(self, data: bytes) -> None:
        if data == _DONE:
            return
        payload = read_payload(data)
        self._usage = read_usage(payload.usage) or self._usage
        if payload.choices:
            choice = payload.choices[0]
            if piece := piece_of(choice):
                self._pieces.append(piece)
            self._finish = choice.finish_reason or self._finish
