"""How much a local model computes: a shared prefix once, a finished row no further, an answered prompt never again."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from evalkit.models.embedded.model import weights_folder
from evalkit.models.engine.engine import Engine, Settings
from evalkit.models.engine.weights import load_weights
from evalkit.records.case import Message
from evalkit.records.sample import Request
from evalkit.store.cache import SqliteCache
from tests.builders.callers import unlimited_caller


def watched(folder, settings):
    """An engine, and a list that gets (rows, tokens a row) of each run of its model."""
    weights = load_weights(folder)
    engine = Engine(weights, settings)
    runs: list[tuple[int, int]] = []
    weights.model.register_forward_pre_hook(
        lambda module, arguments, named: runs.append(tuple(named["input_ids"].shape)), with_kwargs=True
    )
    return engine, runs


def test_a_shared_prefix_is_run_for_the_first_batch_only(few_shot):
    """In all later batches a row's own tokens are run, and one token a step."""
    engine, runs = watched(weights_folder(), Settings(8, ("\n",), 0.0))
    requests = few_shot(24)
    engine.complete(requests[:8])
    prefix = max(tokens for rows, tokens in runs if rows == 1)
    assert prefix > 100
    runs.clear()
    for start in (8, 16):
        completions = engine.complete(requests[start : start + 8])
        assert all(one.usage.cache_read == prefix for one in completions)
    assert max(tokens for _, tokens in runs) == max(one.usage.input for one in completions)
    assert max(one.usage.input for one in completions) < prefix / 4


def test_a_prefix_is_kept_from_one_arm_to_the_next(few_shot):
    """An arm with other demonstrations in between does not make the model run the first arm's again."""
    engine, runs = watched(weights_folder(), Settings(4, ("\n",), 0.0))
    eight = few_shot(4)
    four = [Request(messages=request.messages[:9] + request.messages[-1:], seed=0) for request in eight]
    engine.complete(eight)
    engine.complete(four)
    runs.clear()
    completions = engine.complete(eight)
    assert sum(rows for rows, tokens in runs if tokens > 1) == len(eight)
    assert max(tokens for _, tokens in runs) == max(one.usage.input for one in completions)


def test_a_head_that_misses_one_demonstration_runs_once_and_from_there_only(few_shot):
    """The system text and all demonstrations before the one left out are read; the rest runs once for both cases."""
    engine, runs = watched(weights_folder(), Settings(1, ("\n",), 0.0))
    full = few_shot(16)
    engine.complete(full)
    prefix = max(tokens for rows, tokens in runs if rows == 1)
    without_fifth = [
        Request(messages=request.messages[:9] + request.messages[11:], seed=0) for request in full[:2]
    ]
    runs.clear()
    completions = engine.complete(full[2:] + without_fifth)
    (head,) = (tokens for rows, tokens in runs if rows == 1)
    assert prefix / 4 < head < prefix / 2
    assert sum(rows for rows, tokens in runs) == 1 + len(full)
    assert all(tokens < prefix / 4 for rows, tokens in runs if rows > 1)
    assert [one.usage.cache_read for one in completions[:-2]] == [prefix] * 14
    assert prefix / 2 < completions[-1].usage.cache_read == completions[-2].usage.cache_read < prefix


def test_questions_chosen_with_their_own_demonstrations_share_what_all_begin_with(few_shot):
    """A long system text runs once though no two prompts have the same demonstrations."""
    engine, runs = watched(weights_folder(), Settings(1, ("\n",), 0.0))
    text = Message(role="system", content="Answer in the house format. " * 20)
    question = few_shot(1)[0].messages
    requests = [
        Request(messages=(text, *question[1 + 2 * shot : 5 + 2 * shot], question[-1]), seed=0)
        for shot in range(3)
    ]
    completions = engine.complete(requests)
    assert all(one.usage.cache_read > 100 for one in completions)
    assert max(tokens for rows, tokens in runs if rows == 3) < 100
    assert len([rows for rows, tokens in runs if rows == 3]) == 1


@pytest.mark.parametrize("shots", [0, 2])
def test_what_comes_before_passages_and_questions_runs_once(few_shot, shots):
    """Instructions in the user text, without any message before; and the demonstrations before each case's passages."""
    engine, runs = watched(weights_folder(), Settings(12, ("\n",), 0.0))
    whole = Engine(load_weights(weights_folder()), Settings(12, ("\n",), 0.0, share_prefixes=False))
    instructions = "Answer in the house format, with a cause and a fix. " * 3
    requests = [
        Request(
            messages=(
                *request.messages[: 1 + 2 * shots if shots else 0],
                Message(
                    role="user",
                    content=f"Context: F{30 + index} is raised by the belt.\n{request.messages[-1].content}"
                    if shots
                    else f"{instructions}\n{request.messages[-1].content}",
                ),
            ),
            seed=0,
        )
        for index, request in enumerate(few_shot(16))
    ]
    completions = engine.complete(requests)
    shared = {one.usage.cache_read for one in completions}
    assert len(shared) == 1
    assert min(one.usage.prompt for one in completions) / 2 < shared.pop()
    assert next(tokens for rows, tokens in runs if rows == 16) == max(one.usage.input for one in completions)
    assert [one.output for one in completions] == [one.output for one in whole.complete(requests)]


def test_a_finished_row_is_run_no_further(few_shot, tiny_llama):
    """Rows end at different steps; each leaves when a quarter of the batch has ended, and never again takes a step."""
    engine, runs = watched(tiny_llama, Settings(40, ("e", "\n"), 0.0))
    requests = [Request(messages=request.messages[-1:], seed=0) for request in few_shot(32)]
    completions = engine.complete(requests)
    lengths = [one.usage.output for one in completions]
    assert min(lengths) < max(lengths) / 2
    steps = [rows for rows, tokens in runs if tokens == 1]
    assert all(later <= earlier for earlier, later in itertools.pairwise(steps))
    # The first token of a row comes from the run over its prompt.
    needed = sum(lengths) - len(lengths)
    assert needed <= sum(steps) <= needed / 0.75 + len(steps)
    assert sum(steps) < len(requests) * (max(lengths) - 1)


def test_arms_that_send_one_prompt_compute_it_once(embedded, few_shot, tmp_path):
    """The second arm's batches come from the cache whole; the model is not run."""
    model = embedded(max_tokens=8)
    first, second = (unlimited_caller(model, cache=SqliteCache(tmp_path / "cache.sqlite")) for _ in range(2))
    requests = few_shot(8)
    answers = asyncio.run(first.call_batch(requests))
    assert all(answer.replayed is None for answer in answers)
    model._load = None  # whoever answers now cannot load weights
    model._engine = None
    again = asyncio.run(second.call_batch(requests))
    assert all(answer.replayed is not None for answer in again)
    assert [one.completion for one in again] == [one.completion for one in answers]
