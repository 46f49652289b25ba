"""How Gemini words its replies."""

from __future__ import annotations

import json
from typing import Any

from tests.builders.chat_server import Reply


class GeminiWords:
    """How Gemini words its replies: whole, streamed, refused. Counts of zero are left out, as proto3 does."""

    def __init__(self) -> None:
        self.reply = Reply

    def answer(
        self,
        text: str,
        *,
        finish: str | None = "STOP",
        prompt: int = 10,
        cached: int = 0,
        output: int | None = None,
        thoughts: int = 0,
        thought: str = "",
    ) -> Reply:
        output = (3 if text else 0) if output is None else output
        parts = [{"text": thought, "thought": True}] if thought else []
        content = {"role": "model", "parts": [*parts, {"text": text}]} if text else {"role": "model"}
        candidate = {"content": content, "index": 0} | ({"finishReason": finish} if finish else {})
        return Reply(self._whole([candidate], prompt, cached, output, thoughts))

    def streamed(
        self, text: str, *, finish: str | None = "STOP", thoughts: int = 0, thought: str = ""
    ) -> Reply:
        """One event a word; the last one says how it ended. There is no [DONE]."""
        thoughts = 2 if thought else thoughts
        steps = [({"text": thought, "thought": True}, 0)] if thought else []
        steps += [({"text": f"{word} "}, number) for number, word in enumerate(text.split(), 1)]
        steps = steps or [({"text": ""}, 0)]
        events = []
        for place, (part, written) in enumerate(steps):
            content = {"role": "model", "parts": [part]} if part["text"] else {"role": "model"}
            ends = place == len(steps) - 1 and finish
            candidate = {"content": content, "index": 0} | ({"finishReason": finish} if ends else {})
            events.append(self._whole([candidate], 10, 0, written, thoughts))
        return self._stream(events)

    def blocked(self, reason: str, *, stream: bool = False) -> Reply:
        """A prompt that the filter stopped: no candidates, and only the prompt counted."""
        body = {**self._whole([], 8, 0, 0, 0), "promptFeedback": {"blockReason": reason}}
        del body["candidates"]
        return self._stream([body]) if stream else Reply(body)

    def error(
        self, code: int, message: str, status: str, *, details: list[Any] | None = None, listed: bool = False
    ) -> Reply:
        error = {"code": code, "message": message, "status": status}
        body = {"error": {**error, "details": details} if details else error}
        return Reply([body] if listed else body, status=code)

    def throttled(
        self,
        *,
        retry_delay: str | None = None,
        quota: str = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
    ) -> Reply:
        about = "type.googleapis.com/google.rpc"
        metric = "generativelanguage.googleapis.com/generate_content_free_tier_requests"
        violation = {"quotaMetric": metric, "quotaId": quota, "quotaValue": "10"}
        details: list[Any] = [{"@type": f"{about}.QuotaFailure", "violations": [violation]}]
        if retry_delay is not None:
            details.append({"@type": f"{about}.RetryInfo", "retryDelay": retry_delay})
        message = "You exceeded your current quota, please check your plan and billing details."
        return self.error(429, message, "RESOURCE_EXHAUSTED", details=details)

    def wrong_key(self, message: str) -> Reply:
        reason = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": {"service": "generativelanguage.googleapis.com"},
        }
        return self.error(400, message, "INVALID_ARGUMENT", details=[reason])

    def _whole(
        self, candidates: list[Any], prompt: int, cached: int, output: int, thoughts: int
    ) -> dict[str, Any]:
        counts = {
            "promptTokenCount": prompt,
            "cachedContentTokenCount": cached,
            "candidatesTokenCount": output,
            "thoughtsTokenCount": thoughts,
            "totalTokenCount": prompt + output + thoughts,
        }
        usage = {name: count for name, count in counts.items() if count}
        return {
            "candidates": candidates,
            "usageMetadata": usage,
            "modelVersion": "gemini-x",
            "responseId": "r",
        }

    def _stream(self, events: list[Any]) -> Reply:
        content = "".join(f"data: {json.dumps(event)}\r\n\r\n" for event in events).encode()
        return Reply(content, headers={"content-type": "text/event-stream"})
