"""What answers and refusals say: text, finish reason, whose fault it is."""

from __future__ import annotations

import json

import pytest

from evalkit.errors import AccessError, RequestError, RetryableError
from evalkit.models.error_reply import error_words, retry_after
from evalkit.models.openai_faults import fault_of_status
from evalkit.models.openai_payload import StreamedAnswer, finish_of, read_answer
from evalkit.models.own_failure import own_failure
from evalkit.records.sample import Timing, Usage


def body(choice: object, **more: object) -> bytes:
    return json.dumps({"choices": [choice], **more}).encode()


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ({"message": {"content": "yes"}, "finish_reason": "stop"}, "yes"),
        ({"message": {"content": None, "refusal": "I cannot"}, "finish_reason": "stop"}, "I cannot"),
        ({"message": {"content": None, "tool_calls": []}, "finish_reason": "tool_calls"}, ""),
        (
            {"message": {"content": [{"type": "text", "text": "a"}, {"text": "b"}]}, "finish_reason": "stop"},
            "ab",
        ),
        ({"text": " continued", "finish_reason": "length"}, " continued"),
        ({"message": {"content": "答え", "reasoning_content": "hidden"}, "finish_reason": "stop"}, "答え"),
    ],
    ids=["content", "refusal", "tool-call", "parts", "text-completion", "reasoning"],
)
def test_the_text_of_an_answer(choice, text):
    assert read_answer(body(choice)).text == text


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("stop", "stop"),
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("refusal", "content_filter"),
        ("tool_use", "tool_calls"),
        (None, "unknown"),
        ("new_reason", "unknown"),
    ],
)
def test_finish_reasons_of_all_providers_are_one(word, ours):
    assert finish_of(word) == ours


@pytest.mark.parametrize(
    "content",
    [
        body({"message": {"content": "half"}, "finish_reason": "error"}),
        body({"message": {"content": ""}, "finish_reason": "insufficient_system_resource"}),
        b'{"error": {"message": "upstream went away"}}',
        body({"message": None, "finish_reason": "stop"}),
        b'{"choices": null}',
        b'{"choices": [{"message": {"content": "cut',
        b"",
        b"null",
    ],
    ids=["error", "no-resource", "error-in-200", "no-message", "no-choices", "cut-off", "empty", "null"],
)
def test_a_provider_that_breaks_off_is_a_fault(content):
    with pytest.raises(RetryableError):
        read_answer(content)


def test_usage_that_is_odd_does_not_spoil_an_answer():
    answer = read_answer(body({"message": {"content": "yes"}, "finish_reason": "stop"}, usage=["odd"]))
    assert (answer.text, answer.usage) == ("yes", None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"error": {"message": "nested", "code": 1}}', "nested"),
        (b'{"error": "plain"}', "plain"),
        (b'{"message": "flat", "type": "x"}', "flat"),
        (b'{"detail": "fastapi"}', "fastapi"),
        (b'[{"error": {"message": "in a list"}}]', "in a list"),
        (b'"a string"', "a string"),
        (b"<html>\n <b>gateway</b>", "<html> <b>gateway</b>"),
        (b"", ""),
    ],
)
def test_error_bodies_are_read_in_every_shape(content, words):
    assert error_words(content) == words


def test_a_page_in_an_error_body_is_cut():
    assert len(error_words(b"x" * 10_000)) == 300


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (429, b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}', RetryableError),
        (429, b'{"error": {"message": "You exceeded", "code": "insufficient_quota"}}', AccessError),
        (402, b'{"error": {"message": "Insufficient Balance"}}', AccessError),
        (500, b"", RetryableError),
        (503, b"overloaded", RetryableError),
        (529, b"overloaded", RetryableError),
        (408, b"", RetryableError),
        (401, b'{"error": "bad key"}', AccessError),
        (403, b'{"error": "not your region"}', AccessError),
        (404, b'{"error": {"message": "no such model"}}', AccessError),
        (400, b'{"error": {"message": "temperature is not supported"}}', RequestError),
        (422, b'{"detail": "bad"}', RequestError),
        (302, b"", AccessError),
    ],
)
def test_whose_fault_a_status_is(status, content, kind):
    fault = fault_of_status(status, {}, content, key_variable="MY_KEY")
    assert type(fault) is kind
    assert str(status) in str(fault)


@pytest.mark.parametrize(("status", "throttled"), [(429, True), (503, True), (529, True), (500, False)])
def test_only_a_busy_provider_throttles(status, throttled):
    fault = fault_of_status(status, {"retry-after": "2"}, b"", key_variable="K")
    assert isinstance(fault, RetryableError)
    assert (fault.throttled, fault.retry_after_s) == (throttled, 2.0)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-3"}, 0.0),
    ],
)
def test_retry_after_in_seconds_milliseconds_and_dates(headers, seconds):
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("status", "content", "reason"),
    [
        (
            400,
            {"message": "maximum context length is 10 tokens"},
            None,
        ),  # of what, the words alone do not say
        (400, {"message": "x", "code": "context_length_exceeded"}, "context_limit"),
        (400, {"message": "prompt is too long: 300000 tokens"}, "context_limit"),
        (400, {"message": "x", "code": "content_filter", "innererror": {}}, "content_filter"),
        (403, {"message": "Your input was flagged", "code": 403}, None),  # or the account was
        (
            403,
            {
                "message": "moderated",
                "code": 403,
                "metadata": {"reasons": ["violence"], "flagged_input": "q"},
            },
            "content_filter",
        ),
        (400, {"message": "no such parameter"}, None),
        (401, {"message": "flagged key"}, None),
        (500, {"message": "maximum context length"}, None),
    ],
)
def test_the_arms_own_failures_come_as_refusals_too(status, content, reason):
    """Azure's filter answers 400, OpenRouter's moderation 403: the arm's answer is empty, and it is scored."""
    done = own_failure(status, json.dumps({"error": content}).encode(), Timing(service_s=0.1))
    assert (done.finish_reason if done else None) == reason


@pytest.mark.parametrize(
    "error",
    [
        {
            "code": 400,
            "message": "request (2009 tokens) exceeds the available context size (512 tokens), try increasing it",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": 2009,
            "n_ctx": 512,
        },
        {"message": "litellm.ContextWindowExceededError: mocked", "type": None, "param": None, "code": "400"},
        {"message": "The decoder prompt (length 8357) is longer than the maximum model length of 8192."},
        {"message": "The input (250000 tokens) is longer than the model's context length (200000 tokens)."},
        {"message": "This model's maximum prompt length is 131072 but the request contains 537812 tokens"},
        {
            "message": "Please reduce the length of the messages or completion.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        },
        {
            "message": "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576)."
        },
    ],
    ids=["llama.cpp", "LiteLLM", "vLLM", "SGLang", "xAI", "Groq", "Gemini"],
)
def test_every_servers_words_for_a_prompt_that_does_not_fit_are_known(error):
    """A prompt over the limit is the arm's failure, whoever says it; llama.cpp's words are from its own program."""
    done = own_failure(400, json.dumps({"error": error}).encode(), Timing(service_s=0.1))
    assert done is not None
    assert done.finish_reason == "context_limit"


def events(*payloads: object, end: str = "\n") -> bytes:
    lines = "".join(f"data: {json.dumps(payload)}{end}{end}" for payload in payloads)
    return (lines + f"data: [DONE]{end}{end}").encode()


def delta(text: str | None, finish: str | None = None) -> dict[str, object]:
    return {"choices": [{"delta": {"content": text}, "finish_reason": finish}]}


USAGE = {"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 2}}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_stream_reads_the_same_however_it_is_cut(size, end):
    content = b": keep-alive\n\n" + events(
        delta("ein "), delta("Wort 字"), delta(None, "stop"), USAGE, end=end
    )
    streamed = StreamedAnswer()
    for start in range(0, len(content), size):
        streamed.feed(content[start : start + size])
    answer = streamed.answer()
    assert (answer.text, answer.finish_reason) == ("ein Wort 字", "stop")
    assert answer.usage is not None
    assert answer.usage.prompt == 4


def test_a_stream_may_end_without_a_last_line_or_done():
    streamed = StreamedAnswer()
    streamed.feed(b'event: x\nid: 1\ndata: {"choices": [{"text": "a", "finish_reason": "length"}]}')
    assert streamed.answer().text == "a"


def test_a_stream_of_transformers_serve_is_read():
    """As it was sent: a role alone first, usage beside the finish reason, no [DONE], no field without a value."""
    head = (
        b'data: {"id":"73042709","choices":[{"delta":%b,"index":0}],"model":"m","system_fingerprint":""}\n\n'
    )
    streamed = StreamedAnswer()
    streamed.feed(head % b'{"role":"assistant"}')
    assert not streamed.begun
    streamed.feed(head % b'{"content":" It"}' + head % b'{"content":" is"}')
    assert streamed.begun
    streamed.feed(
        b'data: {"id":"73042709","choices":[{"delta":{},"finish_reason":"length","index":0}],"model":"m",'
        b'"usage":{"completion_tokens":8,"prompt_tokens":22,"total_tokens":30}}\n\n\n'
    )
    answer = streamed.answer()
    assert (answer.text, answer.finish_reason) == (" It is", "length")
    assert answer.usage is not None
    assert (answer.usage.input, answer.usage.output) == (22, 8)


def test_a_fault_within_a_stream_of_transformers_serve_is_a_fault():
    streamed = StreamedAnswer()
    with pytest.raises(RetryableError, match="out of memory"):
        streamed.feed(b'data: {"error": "out of memory"}\n\n')


def test_begun_is_from_the_first_text_on():
    streamed = StreamedAnswer()
    streamed.feed(events({"choices": [{"delta": {"role": "assistant", "content": ""}}]})[:-14])
    assert not streamed.begun
    streamed.feed(events(delta("x"))[:-14])
    assert streamed.begun


@pytest.mark.parametrize(
    "content",
    [
        events(delta("half"), {"error": {"message": "overloaded"}}),
        events(delta("half")).removesuffix(b"data: [DONE]\n\n"),
        events(delta("half", "error")),
        b"data: {broken\n\n",
        b"",
        b"data: [DONE]\n\n",
    ],
    ids=["error-event", "no-finish", "finish-error", "not-json", "nothing", "done-at-once"],
)
def test_a_stream_that_breaks_off_is_a_fault(content):
    streamed = StreamedAnswer()
    with pytest.raises(RetryableError):
        streamed.feed(content)
        streamed.answer()


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (b"Paris \\ud83d", "Paris \ufffd"),
        (b"Paris \\ude00", "Paris \ufffd"),
        (b"Paris \\ud83d\\ude00 \\ud83d", "Paris \U0001f600 \ufffd"),
        (b"Paris \xff", "Paris \ufffd"),
        (b"a\tb", "a\tb"),
    ],
    ids=["high-half", "low-half", "pair-and-half", "not-utf8", "control-character"],
)
def test_a_paid_answer_whose_json_is_not_quite_json_is_kept_and_marked(written, text):
    content = b'{"choices":[{"message":{"content":"%b"},"finish_reason":"stop","logprobs":NaN}],"usage":%b}'
    usage = b'{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}'
    answer = read_answer(content % (written, usage))
    assert (answer.text, answer.finish_reason) == (text, "stop")
    assert answer.usage == Usage(input=10, output=2)


def test_an_error_that_says_nothing_is_none():
    for nothing in ({}, "", [], False, None):
        content = body({"message": {"content": "yes"}, "finish_reason": "stop"}, error=nothing)
        assert read_answer(content).text == "yes"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 401, "message": "no key"}, AccessError),
        ({"code": "402", "message": "no credit"}, AccessError),
        ({"code": 400, "message": "bad setting"}, RequestError),
        ({"code": 502, "message": "upstream"}, RetryableError),
        ({"message": "went away"}, RetryableError),
    ],
)
def test_an_error_in_a_reply_of_200_is_what_its_code_says(error, kind):
    """OpenRouter answers 200 once a model has begun: another attempt at a wrong key would only be four more calls."""
    with pytest.raises(kind) as raised:
        read_answer(json.dumps({"error": error}).encode())
    assert type(raised.value) is kind


def test_moonshots_streams_say_the_usage_inside_the_choice():
    usage = {"prompt_tokens": 19, "completion_tokens": 3, "total_tokens": 22}
    streamed = StreamedAnswer()
    streamed.feed(events(delta("yes"), {"choices": [{"delta": {}, "finish_reason": "stop", "usage": usage}]}))
    assert streamed.answer().usage == Usage(input=19, output=3)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"choices": [{"message": {"role": "assistant"}}]}, "is empty and does not say why it ended"),
        ({"choices": [None]}, "is not readable"),
        ({"choices": {"0": {"message": {"content": "yes"}}}}, "is not readable"),
        ({"code": 1211, "msg": "no such model"}, "has no choices: no such model"),
        ({"object": "error", "message": "no such model", "code": 400}, "has no choices: no such model"),
    ],
)
def test_a_reply_of_200_without_an_answer_is_a_fault_and_its_words_are_told(content, said):
    """What is not surely the model's own answer is none, and scored by nobody."""
    with pytest.raises(RetryableError, match=said):
        read_answer(json.dumps(content).encode())
