"""Each fault that a provider or the network has, for OpenAI and Gemini: the scores are those of an undisturbed run.

After a fault, and a resumed session where it stopped the run: no case is lost, no answer is paid for twice, nothing is
scored that is no answer, and the sorted scores are equal byte for byte. A kill is in ``test_killed``.
"""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from evalkit.records.sample import Status

SHORT_S = 1.5
"""The limit where a server says nothing: long enough that a busy machine's good answers come in time."""
N = 40


class OpenAIWords:
    """How OpenAI words what the tests need."""

    def __init__(self, replies):
        self.reply = replies.reply
        self.whole, self.streamed = replies.completion, replies.streamed
        self.length, self.filtered = "length", "content_filter"

    def error(self, status, message, headers):
        return self.reply({"error": {"message": message}}, status=status, headers=headers)

    def throttled(self):
        return self.error(429, "slow down", {"retry-after": "0.05"})

    def expired(self):
        return self.error(401, "key expired", {})

    def stream_of(self, text):
        return self.reply(events=self.streamed(text).events)


class GeminiWords:
    """How Gemini does."""

    def __init__(self, gemini_words):
        self.words, self.reply = gemini_words, gemini_words.reply
        self.whole, self.streamed = gemini_words.answer, gemini_words.streamed
        self.length, self.filtered = "MAX_TOKENS", "SAFETY"

    def error(self, status, message, headers):
        names = {404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}
        return self.words.error(status, message, names[status])

    def throttled(self):
        return self.words.throttled(retry_delay="0.05s")

    def expired(self):
        return self.words.wrong_key("API key expired. Please renew the API key.")

    def stream_of(self, text):
        return self.words.streamed(text)


@pytest.fixture(params=["openai", "gemini"])
def run(request, arm_run, replies, tmp_path, monkeypatch):
    """An arm run on either provider's server, and the words of its replies."""
    if request.param == "openai":
        arm_run.words = OpenAIWords(replies)
        return arm_run
    pytest.importorskip("google.genai", reason="needs the extra 'gemini'")
    monkeypatch.setenv("GEMINI_API_KEY", "k")
    server = request.getfixturevalue("gemini_server")
    made = type(arm_run)(server, tmp_path / "gemini", "gemini")
    made.words = GeminiWords(request.getfixturevalue("gemini_words"))
    return made


class Script:
    """Answers by case: every third no, else yes. Says which requests were answered and which met the fault.

    Args:
        fault: In place of some answers.
        every: Of how many requests one meets it; None for all from ``after`` on.
        after: Answers before the first fault.
    """

    def __init__(self, run, *, fault=None, every=None, after=0, stream=False):
        self.run, self.fault, self.every, self.after = run, fault, every, after
        self.stream = stream
        self.answered: Counter[str] = Counter()
        self._asked = 0
        self._lock = threading.Lock()

    def __call__(self, request):
        case_id = case_of(request)
        with self._lock:
            self._asked += 1
            due = self._asked > self.after and (self.every is None or self._asked % self.every == 0)
            if self.fault is not None and due:
                return self.fault
            self.answered[case_id] += 1
        return self.good(case_id)

    def good(self, case_id):
        text = "no" if int(case_id[1:]) % 3 == 0 else "yes"
        return self.run.words.streamed(text) if self.stream else self.run.words.whole(text)


def case_of(request):
    turns = request.get("messages")
    question = turns[-1]["content"] if turns else request["contents"][-1]["parts"][0]["text"]
    return "c" + question.split()[-1]


def undisturbed_scores(run, tmp_path, *, stream=False):
    whole = type(run)(run.server, tmp_path / "undisturbed", run.provider)
    whole.words = run.words
    run.server.answer = Script(whole, stream=stream)
    assert whole.session(stream=stream).ok == N
    run.server.requests.clear()
    return whole.scores()


def check(run, script, expected):
    """Whole, paid once, and scored as ever."""
    run.check_whole()
    assert script.answered == Counter({case.id: 1 for case in run.cases})
    assert run.scores() == expected


def whole_faults(words):
    good = words.whole("yes").body
    return {
        "429-with-a-wait": words.throttled(),
        "429-without": words.error(429, "slow down", {}),
        "500": words.error(500, "oops", {}),
        "503": words.error(503, "overloaded", {}),
        "reset": words.reply(good, cut=20, reset=True),
        "dropped": words.reply(good, cut=20),
        "hang": words.reply(good, delay_s=6),
        "stall": words.reply(good, stall=(20, 6)),
        "truncated-json": words.reply(b'{"choices": [{"mess'),
        "wrong-content-type": words.reply(b"<html>gateway</html>", headers={"content-type": "text/html"}),
        "empty-choices": words.reply({"choices": [], "candidates": []}),
        "error-in-200": words.reply(b'{"error": {"message": "upstream", "code": 500}}'),
    }


WHOLE = (
    "429-with-a-wait", "429-without", "500", "503", "reset", "dropped", "hang", "stall", "truncated-json",
    "wrong-content-type", "empty-choices", "error-in-200",
)  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_a_passing_fault(run, tmp_path, name):
    """Some requests meet it; the run goes on by itself. The stall stands for one of 30 s, at a shorter limit."""
    expected = undisturbed_scores(run, tmp_path)
    fault = whole_faults(run.words)[name]
    if name == "empty-choices":
        run.server.shapes = None  # no provider publishes such an answer
    silent = name in ("hang", "stall")
    run.server.answer = script = Script(run, fault=fault, every=15 if silent else 6)
    tally = run.session(timeout_s=SHORT_S if silent else 10.0, concurrency=16)
    assert (tally.ok, tally.errors, tally.refused) == (N, 0, None)
    check(run, script, expected)


@pytest.mark.parametrize("how", ["reset", "dropped", "stall", "truncated-event"])
def test_a_fault_in_the_middle_of_a_stream(run, tmp_path, how):
    """Some text has come already: it is no answer, and none of it is kept."""
    expected = undisturbed_scores(run, tmp_path, stream=True)
    stream = run.words.stream_of("one two three four five six")
    at = 200
    stream.cut, stream.reset = (at, how == "reset") if how in ("reset", "dropped") else (None, False)
    if how == "stall":
        stream.stall = (at, 6.0)
    if how == "truncated-event":
        headers = {"content-type": "text/event-stream"}
        stream = run.words.reply(b'data: {"choices": [{"del\n\ndata: {"candid\n\n', headers=headers)
    silent = how == "stall"
    run.server.answer = script = Script(run, fault=stream, every=15 if silent else 6, stream=True)
    tally = run.session(
        stream=True, timeout_s=10.0, idle_timeout_s=SHORT_S if silent else None, concurrency=16
    )
    assert (tally.ok, tally.errors, tally.refused) == (N, 0, None)
    check(run, script, expected)


@pytest.mark.parametrize("name", ["expired-key", "vanished-model"])
def test_access_that_ends_in_the_middle_and_a_resume(run, tmp_path, name):
    """The run stops with its cells owed; resumed with a new key it asks for those only, without any cache."""
    expected = undisturbed_scores(run, tmp_path)
    fault = run.words.expired() if name == "expired-key" else run.words.error(404, "no such model", {})
    run.server.answer = script = Script(run, fault=fault, after=20)
    tally = run.session()
    assert tally.refused is not None
    assert 0 < tally.ok < N
    assert tally.errors == 0
    script.fault = None
    assert run.session(cached=False).ok == N - tally.ok
    check(run, script, expected)


def test_an_endpoint_that_is_down_to_the_end_and_a_resume(run, tmp_path):
    """Cells that failed are errors without a score, not wrong answers; asked again on demand, all is as ever."""
    expected = undisturbed_scores(run, tmp_path)
    run.server.answer = script = Script(run, fault=run.words.error(500, "oops", {}), after=20)
    tally = run.session()
    assert tally.refused is not None
    failed = [row for row in run.rows() if row.status is Status.ERROR]
    assert failed
    assert all(row.output is None for row in failed)
    assert sum(b'"value":null' in row for row in run.scores()) == len(failed)
    script.fault = None
    assert run.session(cached=False, retry_errors=True).ok == N - tally.ok
    final = {row.case_id: row for row in run.rows()}  # a cell's last row counts
    assert set(final) == {case.id for case in run.cases}
    scored = [row for row in run.scores() if b'"value":null' not in row]
    assert scored == expected
    assert script.answered == Counter({case.id: 1 for case in run.cases})


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("end", ["length", "content_filter"])
def test_the_arms_own_ends_are_scored_and_counted(run, end, stream):
    """Every fourth answer is cut or filtered: an ``ok`` row, asked once, worth nothing."""
    finish = run.words.length if end == "length" else run.words.filtered

    def answer(request):
        words = run.words.streamed if stream else run.words.whole
        return words("", finish=finish) if int(case_of(request)[1:]) % 4 == 0 else words("yes")

    run.server.answer = answer
    tally = run.session(stream=stream)
    assert tally.finish_reasons == {"stop": 30, end: 10}
    run.check_whole()
    assert len(run.server.requests) == N
    assert sum(b'"value":0.0' in row for row in run.scores()) == 10
    assert sum(b'"value":1.0' in row for row in run.scores()) == 30
