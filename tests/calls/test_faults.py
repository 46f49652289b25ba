"""Faults of the provider and the transport: no case lost, none paid for twice, none scored that has no answer."""

from __future__ import annotations

import itertools
import threading
import time
from decimal import Decimal

import pytest

from evalkit.calls.rate_limiter import RateLimits
from evalkit.calls.retry import RetryPolicy
from evalkit.records.sample import Cost, Status
from evalkit.runner.stop_signal import StopSignal


def every(count: int, fault, answer):
    """A server's answer that is a fault each so many requests."""
    numbers = itertools.count(1)
    lock = threading.Lock()

    def reply(request):
        with lock:
            number = next(numbers)
        return fault if number % count == 0 else answer(request)

    return reply


def passing_faults(replies):
    good = replies.completion("yes").body
    return {
        "429-with-retry-after": replies.reply(
            {"error": {"message": "slow"}}, status=429, headers={"retry-after": "0.05"}
        ),
        "429-without": replies.reply({"error": {"message": "slow"}}, status=429),
        "500": replies.reply({"error": {"message": "oops"}}, status=500),
        "503": replies.reply(b"<html>overloaded</html>", status=503),
        "truncated-json": replies.reply(b'{"choices": [{"mess'),
        "web-page": replies.reply(b"<html>gateway</html>", headers={"content-type": "text/html"}),
        "empty-choices": replies.reply({"choices": []}),
        "error-in-200": replies.reply({"error": {"message": "upstream"}}),
        "dropped": replies.reply(good, cut=20),
        "reset": replies.reply(good, cut=20, reset=True),
        "hang": replies.reply(good, delay_s=3),
    }


FAULTS = (
    "429-with-retry-after", "429-without", "500", "503", "truncated-json", "web-page", "empty-choices",
    "error-in-200", "dropped", "reset", "hang",
)  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_passing_fault_costs_another_attempt_and_nothing_else(arm_run, replies, name):
    """One request in six fails: every case is answered once, and only requests without an answer were repeated."""
    faults = passing_faults(replies)
    arm_run.server.answer = every(6, faults[name], lambda request: replies.completion("yes"))
    limit_s = 0.5 if name == "hang" else 5.0
    tally = arm_run.session(timeout_s=limit_s)
    assert (tally.ok, tally.errors, tally.refused) == (40, 0, None)
    arm_run.check_whole()
    asked = sum(arm_run.asked().values())
    assert asked - 40 == asked // 6
    repeated = sum(row.timing.attempts - 1 for row in arm_run.rows())
    assert repeated == asked - 40
    assert all(
        row.timing.service_s < limit_s for row in arm_run.rows()
    )  # the failed attempt is no part of it
    arm_run.session()
    assert sum(arm_run.asked().values()) == asked


def test_a_stream_that_is_reset_in_the_middle_is_asked_again(arm_run, replies):
    broken = replies.reply(events=replies.streamed("one two three").events, cut=150, reset=True)
    arm_run.server.answer = every(5, broken, lambda request: replies.streamed("one two three"))
    assert arm_run.session(stream=True).ok == 40
    arm_run.check_whole()
    assert {row.output for row in arm_run.rows()} == {"one two three "}


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_the_arms_own_failures_are_answers_counted_by_their_end(arm_run, replies, reason):
    arm_run.server.answer = every(
        4, replies.completion("", finish=reason), lambda request: replies.completion("yes")
    )
    tally = arm_run.session()
    assert tally.finish_reasons == {"stop": 30, reason: 10}
    arm_run.check_whole()
    assert len(arm_run.server.requests) == 40


def test_a_long_stall_of_everybody_is_waited_out(arm_run, replies):
    """The server says nothing for a second: whoever is in flight waits or tries again, and the run goes on."""
    began = time.monotonic()

    def answer(request):
        stalled = 0.1 < time.monotonic() - began < 1.1
        return replies.reply(replies.completion("yes").body, delay_s=1.0 if stalled else 0.01)

    arm_run.server.answer = answer
    assert arm_run.session(timeout_s=0.4, concurrency=4).ok == 40
    arm_run.check_whole()


def test_a_wrong_key_costs_one_call_at_any_concurrency(arm_run, replies):
    arm_run.server.answer = lambda request: replies.reply({"error": {"message": "no"}}, status=401)
    tally = arm_run.session(concurrency=32)
    assert "OPENAI_API_KEY" in str(tally.refused)
    assert len(arm_run.server.requests) == 1
    assert arm_run.rows() == []
    arm_run.server.answer = lambda request: replies.completion("yes")
    assert arm_run.session().ok == 40
    arm_run.check_whole()


@pytest.mark.parametrize(
    ("status", "message"),
    [(401, "key expired"), (404, "the model does not exist"), (402, "Insufficient Balance")],
    ids=["key", "model", "credit"],
)
def test_access_that_ends_in_the_middle_stops_the_run_and_a_resume_goes_on(arm_run, replies, status, message):
    """What was answered is kept; what was not is owed, not failed; nothing that was journaled is paid for again."""
    left = itertools.count(20, -1)
    refusal = replies.reply({"error": {"message": message}}, status=status)
    arm_run.server.answer = lambda request: replies.completion("yes") if next(left) > 0 else refusal
    tally = arm_run.session()
    assert message in str(tally.refused)
    assert (tally.ok, tally.errors) == (20, 0)
    assert len(arm_run.server.requests) <= 20 + 8
    answered, before = arm_run.ok(), arm_run.asked()
    arm_run.server.answer = lambda request: replies.completion("yes")
    assert arm_run.session(cached=False).ok == 20
    arm_run.check_whole()
    assert all(arm_run.asked()[case_id] == before[case_id] for case_id in answered)


def test_an_endpoint_that_is_down_is_not_asked_to_the_end(arm_run, replies):
    """Ten requests in a row without an answer, and the rest is owed; error rows are asked again only on demand."""
    arm_run.server.answer = lambda request: replies.reply(b"down", status=500)
    quick = RetryPolicy(attempts=2, first_wait_s=0.001, longest_wait_s=0.01)
    tally = arm_run.session(policy=quick)
    assert "10 requests in a row failed" in str(tally.refused)
    assert tally.ok == 0
    assert 10 <= tally.errors <= 10 + 8
    assert len(arm_run.server.requests) <= 2 * (10 + 8)
    assert {row.output for row in arm_run.rows()} == {None}
    arm_run.server.answer = lambda request: replies.completion("yes")
    assert arm_run.session().ok == 40 - tally.errors
    assert arm_run.session(retry_errors=True).ok == tally.errors
    assert arm_run.ok() == {case.id for case in arm_run.cases}


def test_an_endpoint_that_refuses_every_request_is_told_after_ten(arm_run, replies):
    """A parameter that the model does not know: refusals go one at a time until one request succeeds."""
    arm_run.server.answer = lambda request: replies.reply({"error": "no temperature"}, status=400)
    tally = arm_run.session(concurrency=32)
    assert "no temperature" in str(tally.refused)
    assert len(arm_run.server.requests) == 10


def test_single_refusals_do_not_stop_a_run(arm_run, replies):
    """Twenty cases in a row that the provider refuses, on an endpoint that answers the others."""

    def answer(request):
        number = int(request["messages"][-1]["content"].split()[-1])
        if 10 <= number < 30:
            return replies.reply({"error": {"message": "not this one"}}, status=400)
        return replies.completion("yes")

    arm_run.server.answer = answer
    tally = arm_run.session(concurrency=2)
    assert (tally.ok, tally.errors, tally.refused) == (20, 20, None)
    assert len(arm_run.server.requests) == 40
    errors = [row for row in arm_run.rows() if row.status is Status.ERROR]
    assert {row.output for row in errors} == {None}


def test_a_provider_that_throttles_is_asked_less(arm_run, replies):
    """Four at a time is what it bears. Everybody is answered, with few requests wasted."""
    in_flight = 0
    most_served = 0
    lock = threading.Lock()

    def answer(request):
        nonlocal in_flight, most_served
        with lock:
            if in_flight >= 4:
                return replies.reply({"error": "slow"}, status=429, headers={"retry-after": "0.02"})
            in_flight += 1
            most_served = max(most_served, in_flight)
        threading.Timer(0.01, leave).start()
        return replies.reply(replies.completion("yes").body, delay_s=0.01)

    def leave():
        nonlocal in_flight
        with lock:
            in_flight -= 1

    arm_run.server.answer = answer
    assert arm_run.session(concurrency=24).ok == 40
    arm_run.check_whole()
    assert most_served == 4
    assert len(arm_run.server.requests) < 40 + 60


def test_a_pause_of_an_hour_ends_the_run_instead(arm_run, replies):
    """A daily quota is used up: nobody waits an hour for it, and no cell counts as failed."""
    arm_run.server.answer = lambda request: replies.reply(b"", status=429, headers={"retry-after": "3600"})
    tally = arm_run.session()
    assert "wait 3600 s" in str(tally.refused)
    assert (len(arm_run.server.requests), arm_run.rows()) == (1, [])


def test_rate_headers_slow_everybody_down_before_anybody_is_refused(arm_run, replies):
    """Each answer says that nothing is left for 100 ms."""
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "100ms"}
    arm_run.server.answer = lambda request: replies.reply(replies.completion("x").body, headers=headers)
    arm_run.cases = arm_run.cases[:6]
    start = time.perf_counter()
    assert arm_run.session(concurrency=1).ok == 6
    assert time.perf_counter() - start > 0.5


def test_requests_per_minute_are_kept_and_told_apart_from_service_time(arm_run):
    """1,200 a minute are 20 a second: 20 requests take 0.95 s, and the waiting is in the queue."""
    arm_run.cases = arm_run.cases[:20]
    start = time.perf_counter()
    assert arm_run.session(limits=RateLimits(requests_per_minute=1200)).ok == 20
    assert time.perf_counter() - start > 0.95
    waits = [row.timing.queue_s for row in arm_run.rows()]
    assert max(waits) > 0.2
    assert all(row.timing.service_s < 0.5 for row in arm_run.rows())


def test_ctrl_c_does_not_wait_for_a_providers_minute(arm_run, replies):
    """Everybody waits for a Retry-After of 30 s when the run is asked to stop: it stops, and the cells are owed."""
    arm_run.server.answer = lambda request: replies.reply(b"", status=429, headers={"retry-after": "30"})
    start = time.perf_counter()
    policy = RetryPolicy(attempts=5)
    tally = arm_run.session(policy=policy, meanwhile=arm_run.stop.interrupt)
    assert time.perf_counter() - start < 5
    assert (tally.ok, tally.errors, arm_run.rows()) == (0, 0, [])


def test_the_cost_limit_holds_with_everybody_in_flight(arm_run):
    """16 at a time at 0.01 each under 0.20: never a cent more, and not much less."""
    arm_run.cost = Cost(model=Decimal("0.01"), currency="USD")
    arm_run.stop = StopSignal(Decimal("0.20"))
    tally = arm_run.session(concurrency=16)
    assert arm_run.stop.reason == "cost_limit"
    assert tally.ok == 20
    assert len(arm_run.server.requests) == 20
    arm_run.stop = StopSignal(Decimal("10"))
    assert arm_run.session().ok == 20
    assert arm_run.stop.reason is None
    arm_run.check_whole()


def test_one_question_of_many_cases_is_asked_once(arm_run):
    """Cases with one wording, all in flight together: one call, the others replay it."""
    import msgspec

    arm_run.cases = [msgspec.structs.replace(case, input="the same 0") for case in arm_run.cases]
    assert arm_run.session(concurrency=16).ok == 40
    assert len(arm_run.server.requests) == 1
    assert sum(row.replayed is None for row in arm_run.rows()) == 1


def test_answers_of_another_run_are_replayed_with_their_first_timing(arm_run, tmp_path):
    """Nothing is asked again; the replay says so and keeps usage and timing of the real call."""
    arm_run.session()
    first = {row.case_id: row for row in arm_run.rows()}
    arm_run.run.samples_file.unlink()
    arm_run.session()
    assert len(arm_run.server.requests) == 40
    for row in arm_run.rows():
        assert row.replayed is not None
        assert (row.timing, row.usage) == (first[row.case_id].timing, first[row.case_id].usage)


def test_a_full_disk_stops_the_run_and_keeps_what_was_written(arm_run, monkeypatch):
    """The journal cannot be written: the fault is raised, not swallowed, and the rows before it are whole."""
    import os

    from evalkit.errors import RunError

    real, written = os.pwrite, itertools.count()

    def full(file, content, at):
        if next(written) > 12:
            raise OSError(28, "No space left on device")
        return real(file, content, at)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(RunError, match="no space left"):
        arm_run.session(concurrency=2)
    monkeypatch.setattr(os, "pwrite", real)
    arm_run.stop = StopSignal()
    kept = len(arm_run.rows())
    assert 0 < kept < 40
    assert arm_run.session().ok == 40 - kept
    arm_run.check_whole()
