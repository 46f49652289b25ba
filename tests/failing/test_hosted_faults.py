"""Small wrong cases about providers: faults, waits, usage and paid answers, each with the outcome that is right.

The inputs stand in ``tests/fixtures/failing``, with a README each; the providers are real servers on loopback.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import evalkit
from evalkit.cli import main as door
from evalkit.errors import IncompleteRunWarning
from tests.builders.chat_server import ChatServer, Reply

INPUTS = Path(__file__).parents[1] / "fixtures" / "failing"


@dataclass
class Outcome:
    """What `evalkit run` gave: exit code, what it said, and the rows of its run."""

    code: int
    err: str
    samples: list[dict[str, Any]]
    scores: list[dict[str, Any]]
    report: str

    @property
    def costs(self) -> list[str | None]:
        """Money of each answer as written; None where it is unknown."""
        return [None if row["cost"] is None else row["cost"]["model"] for row in self.samples]


@pytest.fixture
def run(chat_server: ChatServer, capsys, tmp_path, monkeypatch) -> Callable[..., Outcome]:
    """Runs the suite of a folder of ``INPUTS`` against a server that answers as ``answer`` says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "of-this-test")

    def call(
        name: str,
        answer: Callable[[dict[str, Any]], Reply],
        *options: str,
        model: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Outcome:
        folder = tmp_path / "suites" / name
        shutil.copytree(INPUTS / name, folder, dirs_exist_ok=True)
        suite = yaml.safe_load((folder / "suite.yaml").read_text("utf-8"))
        for config in suite["models"].values():
            if config["type"] == "openai":
                config |= {"base_url": chat_server.url, **(model or {})}
        (folder / "suite.yaml").write_text(yaml.safe_dump({**suite, **changes}), encoding="utf-8")
        chat_server.answer = answer
        capsys.readouterr()
        code = door.run(["run", str(folder), "-o", str(tmp_path / "runs"), *options])
        said = capsys.readouterr().err
        runs = sorted((tmp_path / "runs" / suite["name"]).glob("*")) if (tmp_path / "runs").exists() else []
        rows = {file: _rows(runs[-1] / file) if runs else [] for file in ("samples.jsonl", "scores.jsonl")}
        page = runs[-1] / "report.md" if runs else None
        report = page.read_text("utf-8") if page is not None and page.exists() else ""
        return Outcome(code, said, rows["samples.jsonl"], rows["scores.jsonl"], report)

    return call


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def chat(text: str, usage: dict[str, int] | None = None) -> Reply:
    counts = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12} if usage is None else usage
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return Reply({"id": "x", "object": "chat.completion", "choices": [choice], "usage": counts})


def stream(*events: bytes) -> Reply:
    body = b"".join(b"data: " + event + b"\n\n" for event in events)
    return Reply(body, headers={"content-type": "text/event-stream"})


# A fault of ours or of a setting is no answer of the arm.

NO_ROOM = {
    "object": "error",
    "message": "'max_tokens' or 'max_completion_tokens' is too large: 8192. This model's maximum context length is "
    "8192 tokens and your request has 21 input tokens (8192 > 8192 - 21). None",
    "type": "BadRequestError",
    "param": None,
    "code": 400,
}


def test_a_setting_that_leaves_no_room_is_an_error_and_no_score(run):
    done = run("public-setting-error-scored", lambda request: Reply(NO_ROOM, status=400))
    assert done.code == 104
    assert [row["status"] for row in done.samples] == ["error"] * 6
    assert [row["value"] for row in done.scores] == [None] * 6
    assert "max_tokens asks for more than is left: lower it" in done.err


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (
            403,
            {
                "message": "Your organization has been flagged for unusual activity; access is blocked.",
                "type": "access_terminated",
                "code": "account_flagged",
            },
        ),
        (400, {"message": "the account was flagged", "code": "account_deactivated"}),
    ],
    ids=["403", "400"],
)
def test_a_flagged_account_ends_the_run_after_one_call(run, chat_server, status, error):
    done = run("public-account-flagged-scored", lambda request: Reply({"error": error}, status=status))
    assert done.code == 104
    assert len(chat_server.requests) == 1
    assert (done.samples, done.scores) == ([], [])
    assert "flagged" in done.err


def test_a_parameter_whose_name_holds_flagged_is_an_error(run):
    error = {
        "message": "Unknown parameter: feature_flagged_mode",
        "type": "invalid_request_error",
        "code": None,
    }
    done = run("public-account-flagged-scored", lambda request: Reply({"error": error}, status=400))
    assert done.code == 104
    assert {row["value"] for row in done.scores} == {None}


TOO_LONG = {
    "object": "error",
    "message": "This model's maximum context length is 200 tokens. However, your request has 203 input tokens. Please "
    "reduce the length of the input messages.",
    "code": 400,
}


def test_a_refusal_is_not_replayed_once_the_server_is_mended(run, chat_server):
    """The prompt alone is too long, so the arm is wrong now; with a longer context it is asked again and right."""
    refused = run("public-refusal-cached", lambda request: Reply(TOO_LONG, status=400))
    assert (refused.code, len(chat_server.requests)) == (0, 6)
    assert [row["finish_reason"] for row in refused.samples] == ["context_limit"] * 6
    assert [row["value"] for row in refused.scores] == [0.0] * 6
    mended = run("public-refusal-cached", lambda request: chat("Paris"))
    assert (mended.code, len(chat_server.requests)) == (0, 12)
    assert [row["value"] for row in mended.scores] == [1.0] * 6
    again = run("public-refusal-cached", lambda request: chat("Rome"))
    assert (len(chat_server.requests), {row["value"] for row in again.scores}) == (12, {1.0})


# Every wait ends.


@pytest.mark.parametrize(
    "headers",
    [
        {"retry-after": "0"},
        {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"},
        {"retry-after-ms": "0"},
    ],
    ids=["0", "past", "0-ms"],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_of_nothing_is_an_ordinary_backoff_and_ends_after_max_attempts(
    run, chat_server, status, headers
):
    """Two tries of the only case: two requests, not hundreds a second."""
    error = {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
    began = time.monotonic()
    done = run(
        "public-retry-after-zero",
        lambda request: Reply(error, status=status, headers=headers),
        model={"max_attempts": 2},
        run={"latency": {"isolated": 0}},
    )
    assert done.code == 104
    assert len(chat_server.requests) == 2
    assert 0.4 < time.monotonic() - began < 10


def test_an_endpoint_that_only_throttles_is_named_at_once_and_ends(run, chat_server):
    error = {"error": {"message": "rate limit", "code": "429"}}
    done = run(
        "newcomer-rate-limited-endpoint-looks-hung",
        lambda request: Reply(error, status=429),
        model={"max_attempts": 2},
        run={"latency": {"isolated": 0}},
    )
    assert done.code == 104
    assert len(chat_server.requests) <= 2 * 4  # at most two tries of each case
    assert "m: rate limited (429), waiting" in done.err
    assert "before try 2; gives up after 2 tries" in done.err
    assert "2 requests in a row failed" in done.err


# Usage is checked before it becomes money.

ZERO = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def test_no_tokens_for_a_text_are_unknown(run):
    done = run("public-usage-zero", lambda request: chat("Paris is the capital", ZERO))
    assert done.code == 0
    assert done.costs == [None] * 6


def test_zeros_after_the_counts_of_a_stream_say_nothing(run):
    said = {"prompt_tokens": 20, "completion_tokens": 2, "total_tokens": 22}
    events: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": "Pa"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"content": "ris"}, "finish_reason": "stop"}], "usage": said},
        {"choices": [], "usage": ZERO},
    ]
    reply = stream(*(json.dumps(event).encode() for event in events), b"[DONE]")
    done = run("public-usage-zero", lambda request: reply, model={"stream": True})
    assert done.costs == ["0.00004"] * 6  # 20 x 1 + 2 x 10 per million


def test_a_cost_limit_ends_a_run_whose_provider_counts_nothing(run, chat_server):
    """Each answer counts as the most that it can have cost: 100 tokens x 10 per million and its prompt."""
    done = run(
        "public-usage-zero",
        lambda request: chat("Paris", ZERO),
        "--cost-limit",
        "0.0031",
        model={"max_tokens": 100},
    )
    assert done.code == 103
    assert 1 <= len(chat_server.requests) <= 3


@pytest.mark.parametrize("stream", [False, True])
def test_a_cost_limit_counts_paid_answers_that_could_not_be_used(run, chat_server, stream):
    """A provider that breaks off in the middle each time bills what it has written: each attempt counts."""
    begun = b'data: {"choices":[{"index":0,"delta":{"content":"Pa"},"finish_reason":null}]}\n\n'
    broken = (
        Reply(begun, headers={"content-type": "text/event-stream"})
        if stream
        else Reply(b'{"choices": [{"mess')
    )
    done = run(
        "public-usage-zero",
        lambda request: broken,
        "--cost-limit",
        "0.0031",
        model={"max_tokens": 100, "max_attempts": 2, "stream": stream},
    )
    assert done.code == 103
    assert len(chat_server.requests) <= 4


def test_tokens_that_nothing_explains_are_unknown(run):
    usage = {"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 623}
    done = run("public-usage-total-gap", lambda request: chat("Paris", usage))
    assert done.costs == [None] * 6


def test_cached_tokens_as_moonshot_says_them_are_charged_as_cached(run):
    """100 x 1 + 900 x 0.1 + 10 x 10 per million: 0.29 for 1,000 requests."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010, "cached_tokens": 900}
    done = run("public-usage-kimi-cached", lambda request: chat("Paris", usage))
    assert done.samples[0]["usage"]["cache_read"] == 900
    assert [float(cost) for cost in done.costs] == pytest.approx([0.00029] * 6)


@pytest.mark.parametrize(
    ("changes", "model", "says"),
    [
        ({"prices": {}}, {"max_tokens": 8}, "a cost limit needs the price of 'm'"),
        ({}, {"max_tokens": None}, "a cost limit needs the tokens at which an answer stops"),
    ],
    ids=["no-price", "no-output-limit"],
)
@pytest.mark.parametrize("where", ["option", "suite"])
def test_a_cost_limit_that_could_not_end_the_run_is_refused_before_anything_is_asked(
    run, chat_server, changes, model, says, where, tmp_path
):
    limited = {"run": {"latency": {"isolated": 0}, "cost_limit": 1.0}} if where == "suite" else {}
    options = ["--cost-limit", "1.0"] if where == "option" else []
    changes = {"economics": None, **changes, **limited}
    done = run("public-usage-zero", lambda request: chat("Paris"), *options, model=model, **changes)
    assert done.code == 2
    assert says in done.err
    assert chat_server.requests == []
    assert not (tmp_path / "runs").exists()


# One paid answer is one answer.


def test_half_a_letter_in_an_answer_is_marked_and_the_answer_is_kept(run, chat_server):
    body = (
        b'{"choices":[{"index":0,"message":{"role":"assistant","content":"Paris \\ud83d"},"finish_reason":"length"}],'
        b'"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}}'
    )
    done = run("public-surrogate-answers", lambda request: Reply(body))
    assert (done.code, len(chat_server.requests)) == (0, 1)
    assert [row["output"] for row in done.samples] == ["Paris \ufffd"]
    assert [row["value"] for row in done.scores] == [0.0]


@pytest.mark.parametrize(
    "halves",
    [(b"Paris \\ud83d", b"\\ude00"), (b"Paris \xf0\x9f", b"\x98\x80")],
    ids=["escapes", "bytes"],
)
def test_a_letter_that_a_stream_splits_is_put_together(run, chat_server, halves):
    end = b'"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}'
    events = (
        b'{"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}' % halves[0],
        b'{"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":"stop"}],%b}' % (halves[1], end),
        b"[DONE]",
    )
    done = run("public-surrogate-answers", lambda request: stream(*events), model={"stream": True})
    assert (done.code, len(chat_server.requests)) == (0, 1)
    assert [row["output"] for row in done.samples] == ["Paris \U0001f600"]
    assert done.samples[0]["usage"]["input"] == 10


def test_a_stream_that_is_done_without_a_finish_reason_is_an_answer(run, chat_server):
    usage = {"prompt_tokens": 20, "completion_tokens": 2, "total_tokens": 22}
    events: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": "Paris"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": None}], "usage": usage},
    ]
    reply = stream(*(json.dumps(event).encode() for event in events), b"[DONE]")
    done = run("public-stream-done-without-finish", lambda request: reply)
    assert (done.code, len(chat_server.requests)) == (0, 1)
    assert [(row["output"], row["finish_reason"]) for row in done.samples] == [("Paris", "unknown")]
    assert [row["value"] for row in done.scores] == [1.0]


def test_half_a_letter_in_recorded_answers_is_named_as_what_it_is(run):
    done = run("public-surrogate-message", lambda request: chat("x"))
    assert done.code == 2
    assert "half of a surrogate pair" in done.err
    assert "cut off" not in done.err


# From Python a missing answer is a warning.


def test_a_run_with_a_missing_answer_is_returned_and_says_that_it_is_not_complete(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = INPUTS / "newcomer-python-run-raises-on-one-missing-answer" / "suite"
    with pytest.warns(IncompleteRunWarning, match=r"1 cells have no answer.*(?s:.)*--retry-errors"):
        run = evalkit.run(folder)
    assert not run.complete
    assert run.incomplete is not None
    assert run.decision.verdict is not None
    assert int((run.samples()["status"] == "error").sum()) == 1
    loaded = evalkit.load_run(run.path)
    assert not loaded.complete


def test_the_command_line_still_ends_with_104(run):
    done = run("newcomer-python-run-raises-on-one-missing-answer/suite", lambda request: chat("x"))
    assert done.code == 104
    assert "--retry-errors" in done.err
