"""What a local model answers, and what it says it took, on the packaged weights."""

import asyncio

import pytest

from evalkit.models.build import build_model
from evalkit.models.protocol import BatchModel, Model
from evalkit.records.case import Message
from evalkit.records.sample import Request
from evalkit.suite.models import TransformersModelConfig


def outputs(completions):
    return [completion.output for completion in completions]


def question(text, before=(), **settings):
    return Request(messages=(*before, Message(role="user", content=text)), **{"seed": 0, **settings})


def test_it_is_a_model_and_a_batch_model(embedded):
    model: Model = embedded()
    assert isinstance(model, BatchModel)


def test_sharing_a_prefix_changes_no_answer(embedded, few_shot):
    """Fifty answers with the demonstrations prefilled once equal those with every prompt run whole."""
    from evalkit.models.embedded.model import weights_folder
    from evalkit.models.engine.engine import Engine, Settings
    from evalkit.models.engine.weights import load_weights

    requests = few_shot(50)
    answers = {}
    for share in (True, False):
        engine = Engine(load_weights(weights_folder()), Settings(24, ("\n",), 0.0, share_prefixes=share))
        answers[share] = [engine.complete(requests[start : start + 25]) for start in (0, 25)]
    shared, whole = ([one for batch in answers[share] for one in batch] for share in (True, False))
    assert outputs(shared) == outputs(whole)
    assert [one.finish_reason for one in shared] == [one.finish_reason for one in whole]
    assert all(one.usage.cache_read > 100 for one in shared)
    assert all(one.usage.cache_read == 0 for one in whole)
    assert [one.usage.prompt for one in shared] == [one.usage.prompt for one in whole]
    assert [one.usage.output for one in shared] == [one.usage.output for one in whole]


def test_a_batch_answers_as_its_rows_do_alone(embedded, few_shot):
    model = embedded(max_tokens=24, max_batch=12)
    requests = few_shot(12)
    together = model.complete_batch(requests)
    alone = [completion for request in requests for completion in model.complete_batch([request])]
    assert outputs(together) == outputs(alone)
    assert len(set(outputs(together))) > 1


def test_a_longer_neighbour_does_not_matter(embedded):
    """The short row is padded by far more than its own length."""
    model = embedded(max_tokens=24)
    short = question("Question: What does E14 mean?")
    long = question("Context: " + "The router error E14 is raised. " * 20 + "\nQuestion: What does E14 mean?")
    assert outputs(model.complete_batch([short, long, short])) == outputs(
        [model.complete_batch([one])[0] for one in (short, long, short)]
    )


def test_more_requests_than_a_batch_are_answered_in_passes(embedded, few_shot):
    completions = embedded(max_tokens=4, max_batch=4).complete_batch(few_shot(10))
    assert [completion.timing.batch_size for completion in completions] == [4] * 8 + [2] * 2


def test_tokens_add_up_to_the_prompt(embedded, few_shot):
    """Input and cache_read make the prompt as the tokenizer counts it; the prefix is the same for all."""
    model = embedded(max_tokens=8)
    requests = few_shot(6)
    completions = model.complete_batch(requests)
    import transformers

    from evalkit.models.embedded.model import weights_folder

    tokenizer = transformers.AutoTokenizer.from_pretrained(weights_folder())
    for request, completion in zip(requests, completions, strict=True):
        turns = [{"role": turn.role, "content": turn.content} for turn in request.messages]
        text = tokenizer.apply_chat_template(turns, tokenize=False)
        assert completion.usage.prompt == len(tokenizer(text, add_special_tokens=False)["input_ids"])
    assert len({completion.usage.cache_read for completion in completions}) == 1
    assert completions[0].usage.cache_write == 0


def test_a_request_that_fills_the_cache_itself_reads_nothing_from_it(embedded, few_shot):
    """The first of two equal requests pays for the whole prompt; the second reads the prefix."""
    model = embedded(max_tokens=8)
    first, second = (model.complete_batch(few_shot(1))[0] for _ in range(2))
    assert first.usage.cache_read == 0 and first.timing.prefill_s == 0
    assert second.usage.cache_read > 100 and second.timing.prefill_s > 0
    assert first.usage.prompt == second.usage.prompt
    assert first.output == second.output


def left_out(requests):
    """The same questions, the first five with eight demonstrations; of the others two in a row lack the same one."""
    for index, request in enumerate(requests):
        left = 1 + 2 * ((index // 2) % 8)
        before = (
            request.messages[:-1] if index < 5 else request.messages[:left] + request.messages[left + 2 : -1]
        )
        yield Request(messages=(*before, request.messages[-1]), seed=0)


def test_sharing_two_levels_changes_no_answer(embedded, few_shot):
    """Cases that may not see a demonstration answer as with every prompt run whole, and read what they share."""
    from evalkit.models.embedded.model import weights_folder
    from evalkit.models.engine.engine import Engine, Settings
    from evalkit.models.engine.weights import load_weights

    requests = list(left_out(few_shot(25)))
    weights = load_weights(weights_folder())
    shared, whole = (
        Engine(weights, Settings(24, ("\n",), 0.0, share_prefixes=share)).complete(requests)
        for share in (True, False)
    )
    assert outputs(shared) == outputs(whole)
    assert len(set(outputs(whole))) > 5
    assert [one.usage.prompt for one in shared] == [one.usage.prompt for one in whole]
    assert [one.finish_reason for one in shared] == [one.finish_reason for one in whole]
    assert all(one.usage.cache_read > 100 and one.usage.input < 40 for one in shared)
    assert all(one.timing.prefill_s > 0 for one in shared)


def test_different_prefixes_in_one_batch_share_nothing(embedded, few_shot):
    """Demonstrations chosen per question, two of them: what they share is not worth a run of its own."""
    alone = few_shot(1)[0]
    other = Request(messages=alone.messages[:3] + alone.messages[5:], seed=0)
    model = embedded(max_tokens=8)
    assert [one.usage.cache_read for one in model.complete_batch([alone, other])] == [0, 0]


def test_seconds_are_shared_out_over_the_batch(embedded, few_shot):
    model = embedded(max_tokens=8)
    model.complete_batch(few_shot(8))
    for completion in model.complete_batch(few_shot(8)):
        timing = completion.timing
        assert timing.batch_size == 8
        assert timing.device_s == pytest.approx(timing.service_s / 8)
        assert 0 < timing.ttft_s < timing.service_s
        assert timing.prefill_s > 0


def test_an_answer_ends_at_a_stop_string_wherever_tokens_end(tmp_path, tiny_llama):
    """Whatever the model writes without a stop, stopping at any piece of it cuts exactly there."""

    def answer(stop):
        config = TransformersModelConfig(
            type="transformers",
            model=str(tiny_llama),
            device="cpu",
            max_tokens=24,
            temperature=1.0,
            stop=stop,
        )
        (completion,) = build_model(config, folder=tmp_path).complete_batch([question("Question: E14?")])
        return completion

    free = answer([])
    pieces = [free.output[start : start + 3] for start in range(1, len(free.output) - 3, 4)]
    readable = [piece for piece in pieces if "\ufffd" not in piece and piece == piece.strip()]
    assert len(readable) > 8
    for piece in readable:
        stopped = answer(["never written", piece])
        assert stopped.finish_reason == "stop"
        assert stopped.output == free.output[: free.output.index(piece)].strip()
        assert stopped.usage.output <= free.usage.output


def test_an_answer_that_is_cut_says_length(embedded):
    (completion,) = embedded(max_tokens=2, stop=[]).complete_batch([question("Question: What is E14?")])
    assert completion.finish_reason == "length"
    assert completion.usage.output == 2


def test_a_prompt_over_the_limit_is_the_arms_failure_and_leaves_its_neighbours_alone(embedded):
    model = embedded(max_tokens=8)
    fits = question("Question: What is E14?")
    over = question("word " * (model.context_limit + 1))
    before, failed, after = model.complete_batch([fits, over, fits])
    assert (failed.output, failed.finish_reason, failed.usage.output) == ("", "context_limit", 0)
    assert failed.usage.input > model.context_limit
    assert before.output == after.output == model.complete_batch([fits])[0].output
    assert before.timing.batch_size == 2


def test_an_answer_stops_where_the_context_ends(embedded):
    """A prompt three tokens short of the limit leaves room for three."""
    model = embedded(max_tokens=50, stop=[])
    length = len(model._ready()._chat.prompts([question("").messages])[0])
    filler = model.context_limit - 3 - length
    (completion,) = model.complete_batch([question("\n" * filler)])
    assert completion.usage.prompt == model.context_limit - 3
    assert completion.usage.output <= 3
    assert completion.finish_reason in ("length", "stop")


def test_noise_belongs_to_the_request_and_not_to_its_batch(embedded, few_shot):
    """At temperature 1 a request gives the same answer alone and in company, and another one with another seed."""
    model = embedded(max_tokens=12, temperature=1.0, stop=[])
    requests = few_shot(6)
    together = outputs(model.complete_batch(requests))
    assert together[3] == model.complete_batch([requests[3]])[0].output
    assert outputs(model.complete_batch(list(reversed(requests)))) == together[::-1]
    again = [Request(messages=one.messages, seed=one.seed, repeat=1) for one in requests]
    assert outputs(model.complete_batch(again)) != together
    other_seed = [Request(messages=one.messages, seed=1) for one in requests]
    assert outputs(model.complete_batch(other_seed)) != together


def test_one_request_may_be_awaited_and_the_weights_given_back(embedded):
    model = embedded(max_tokens=8)
    request = question("Question: What is E14?")

    async def twice():
        first = await model.complete(request)
        await model.close()
        return first, await model.complete(request)

    first, second = asyncio.run(twice())
    assert first.output == second.output == model.complete_batch([request])[0].output


def test_counted_tokens_hold_no_special_ones(embedded):
    model = embedded()
    assert model.count_tokens("") == 0
    assert model.count_tokens("\n\n") == 2
