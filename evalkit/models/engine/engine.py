"""Answers a batch of requests: template, shared prefix, decoding, and what it took."""

from __future__ import annotations

import statistics
import time
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from evalkit.digest import digest_of
from evalkit.models.engine.chat import Chat
from evalkit.models.engine.decoder import open_decoder
from evalkit.models.engine.generate import Row, generate
from evalkit.models.engine.rows import Head, Start
from evalkit.models.engine.sharing import Group, Shared, nothing_shared, same_tokens, share
from evalkit.models.engine.stop import StopRule
from evalkit.models.engine.weights import Weights
from evalkit.records.sample import Completion, Request, Timing, Usage

_KEPT_PREFIXES = 4
# A prefill this short is timed again, since a single reading is mostly noise.
_TIME_AGAIN_BELOW_S = 0.05


@dataclass(frozen=True, slots=True)
class Settings:
    """How answers are made.

    Attributes:
        stop: Strings that end an answer; None for answers of any text, see ``StopRule``.
        share_prefixes: Prefill what all requests of a batch begin with once. Off only to compare.
    """

    max_tokens: int
    stop: tuple[str, ...] | None
    temperature: float
    share_prefixes: bool = True


@dataclass(frozen=True, slots=True)
class _KeptPrefix:
    start: Start
    prefill_s: float


class Engine:
    """Generates with one set of weights. Not safe for two threads at a time.

    **Shared prefix.** All messages but the last are a prefix that many requests of an arm share: demonstrations
    and system text. It is run through the model once and kept; a batch starts behind it, also with prompts that
    leave it early, see ``sharing``. A prompt is always tokenized whole, and what is shared ends where tokens
    part, so sharing changes no token. Which part of a prompt is shared depends on the batch's messages only, never
    on what was answered before, so the same batch gives the same numbers.

    **Tokens.** Shared tokens count as ``cache_read``, except in a batch of one that had to run the prefix
    itself. Every generated token counts as output, also the one that ended the answer: it took a step. A prompt
    over the limit counts its tokens and no time.

    **Seconds.** The clock runs from messages to the last token of the batch, with the prefix's own run in the
    batch that made it. ``prefill_s`` is what that run takes at batch 1, for the price of a request that finds
    no cache; in proportion to its tokens where a row shares more or fewer than the prefix has.
    """

    def __init__(self, weights: Weights, settings: Settings) -> None:
        self._settings = settings
        self._context_limit = weights.context_limit
        self._chat = Chat(weights.tokenizer)
        self._stop = StopRule(
            weights.tokenizer, settings.stop, weights.end_ids, in_thought=self._chat.opens_thought
        )
        self._decoder = open_decoder(weights.model)
        self._prefixes: OrderedDict[tuple[int, ...], _KeptPrefix] = OrderedDict()
        self._device = weights.model.device
        # The first run in a process sets up kernels and would be charged to the first request.
        self._prefill([0] * min(8, weights.context_limit - 1))

    @property
    def context_limit(self) -> int:
        """Prompt plus output tokens that fit."""
        return self._context_limit

    def count_tokens(self, text: str) -> int:
        """Tokens of plain text, without special tokens."""
        return self._chat.count(text)

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """One completion per request, in order, answered as one batch."""
        started = time.perf_counter()
        prompts = self._chat.prompts([request.messages for request in requests])
        fitting = [index for index, prompt in enumerate(prompts) if len(prompt) < self._context_limit]
        completions = [_over_the_limit(prompt) for prompt in prompts]
        if fitting:
            answers = self._answer(
                [requests[index] for index in fitting], [prompts[index] for index in fitting], started
            )
            for index, completion in zip(fitting, answers, strict=True):
                completions[index] = completion
        return completions

    def _answer(
        self, requests: Sequence[Request], prompts: Sequence[Sequence[int]], started: float
    ) -> list[Completion]:
        shared = self._shared(requests, prompts)
        kept, made_now, timing_s = self._prefix(shared.prefix)
        rows = [
            self._row(request, prompt, head)
            for request, prompt, head in zip(requests, prompts, shared.heads, strict=True)
        ]
        first_token = [0.0]

        def note_first_token() -> None:
            first_token[0] = time.perf_counter()

        with torch.inference_mode():
            generate(
                kept.start,
                rows,
                shared.heads,
                temperature=self._settings.temperature,
                stop=self._stop,
                on_first_token=note_first_token,
            )
        outputs = [self._stop.text(row.generated) for row in rows]
        wall_s = time.perf_counter() - started - timing_s
        # A batch of one that ran its own prefix read nothing from a cache.
        alone = made_now and len(rows) == 1
        cached = [0 if alone else head.seen + len(head.tokens) for head in shared.heads]
        timings = [
            Timing(
                service_s=wall_s,
                ttft_s=first_token[0] - started - timing_s,
                batch_size=len(rows),
                device_s=wall_s / len(rows),
                prefill_s=kept.prefill_s * tokens / len(shared.prefix) if tokens else 0.0,
            )
            for tokens in cached
        ]
        return [
            Completion(
                output=output,
                finish_reason=row.finish_reason or "unknown",
                usage=Usage(
                    input=len(prompt) - tokens,
                    cache_read=tokens,
                    output=len(row.generated),
                    reasoning=self._stop.thought_tokens(row.generated) if output.startswith("<") else 0,
                ),
                timing=timing,
            )
            for output, row, prompt, tokens, timing in zip(
                outputs, rows, prompts, cached, timings, strict=True
            )
        ]

    def _row(self, request: Request, prompt: Sequence[int], head: Head) -> Row:
        noise = None
        if self._settings.temperature > 0:
            seed = digest_of([request.seed, request.repeat, list(prompt)])
            noise = np.random.default_rng(int(seed, 16))
        room = min(self._settings.max_tokens, self._context_limit - len(prompt))
        return Row(tokens=prompt[head.seen + len(head.tokens) :], room=room, noise=noise)

    def _shared(self, requests: Sequence[Request], prompts: Sequence[Sequence[int]]) -> Shared:
        """What of these prompts is run once."""
        if not self._settings.share_prefixes or not self._decoder.shares_prefixes:
            return nothing_shared(len(requests))
        alike: dict[tuple[object, ...], list[int]] = defaultdict(list)
        for place, request in enumerate(requests):
            *before, last = request.messages
            alike[(*before, last.role)].append(place)
        groups = list(alike.values())
        if (
            len(groups) == len(requests) > 1
        ):  # demonstrations chosen for each question: whatever is equal is shared
            return share(prompts, [Group(rows, tuple(prompts[rows[0]][:-1])) for rows in groups])
        return share(prompts, [self._group(requests, prompts, rows) for rows in groups])

    def _group(self, requests: Sequence[Request], prompts: Sequence[Sequence[int]], rows: list[int]) -> Group:
        """Prompts with the same messages before the last, and the tokens of these that all of the prompts have."""
        *before, last = requests[rows[0]].messages
        if not before:
            return Group(rows, ())
        beginning = self._chat.beginning(before, last.role)
        # Each row keeps at least one token of its own, which the first new token is computed from.
        common = min(min(same_tokens(beginning, prompts[row]), len(prompts[row]) - 1) for row in rows)
        return Group(rows, tuple(beginning[:common]))

    def _prefix(self, tokens: tuple[int, ...]) -> tuple[_KeptPrefix, bool, float]:
        """The kept state of a prefix, whether it was made just now, and seconds spent on timing it again."""
        if not tokens:
            return _KeptPrefix(self._decoder.prefill(()), 0.0), False, 0.0
        if (kept := self._prefixes.get(tokens)) is not None:
            self._prefixes.move_to_end(tokens)
            return kept, False, 0.0
        start, seconds = self._prefill(tokens)
        again = time.perf_counter()
        if seconds < _TIME_AGAIN_BELOW_S:
            seconds = statistics.median([seconds, *(self._prefill(tokens)[1] for _ in range(2))])
        kept = self._prefixes[tokens] = _KeptPrefix(start, seconds)
        if len(self._prefixes) > _KEPT_PREFIXES:
            self._prefixes.popitem(last=False)
        return kept, True, time.perf_counter() - again

    def _prefill(self, tokens: Sequence[int]) -> tuple[Start, float]:
        started = time.perf_counter()
        with torch.inference_mode():
            start = self._decoder.prefill(tokens)
            if self._device.type == "cuda":
                torch.cuda.synchronize()
        return start, time.perf_counter() - started


def _over_the_limit(prompt: Sequence[int]) -> Completion:
    return Completion(
        output="",
        finish_reason="context_limit",
        usage=Usage(input=len(prompt), output=0),
        timing=Timing(service_s=0.0, device_s=0.0),
    )
