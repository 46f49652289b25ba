"""A third party's metric that asks a model over HTTP: registered by its path, several at a time, rows in order."""

import asyncio
import json
import re

import pytest

import evalkit
from evalkit.data.cases import read_cases
from evalkit.errors import AccessError, SuiteError
from evalkit.metrics.build import build_metrics
from evalkit.pipeline import spine
from evalkit.pipeline.execute_run import reload_prepared
from evalkit.records.sample import Sample, Status
from evalkit.scoring.metric_loop import MetricLoop
from evalkit.scoring.score import score_samples
from evalkit.suite.load import load_suite

JUDGE = '''
import aiohttp
from evalkit.errors import AccessError, RetryableError
from evalkit.records.score import Score


class Judge:
    """Asks whether the answer says what the reference says."""

    binary = True
    running = most_running = closed = 0

    def __init__(self, url):
        self.url = url
        self.session = None

    async def score_async(self, case, sample):
        if not case.reference:
            return Score.missing("no_reference")
        self.session = self.session or aiohttp.ClientSession()  # one pool: every score comes on one event loop
        Judge.running += 1
        Judge.most_running = max(Judge.most_running, Judge.running)
        try:
            question = f"reference={case.reference[0]} answer={sample.output}"
            body = {"messages": [{"role": "user", "content": question}]}
            async with self.session.post(f"{self.url}/chat/completions", json=body) as response:
                if response.status == 401:
                    raise AccessError("wrong key")
                if response.status != 200:
                    raise RetryableError(f"status {response.status}")
                reply = (await response.json())["choices"][0]["message"]["content"]
        finally:
            Judge.running -= 1
        if reply == "?":
            return Score.missing("reply_not_understood")
        return Score(value=float(reply == "yes"), explanation=reply)

    async def close(self):
        Judge.closed += 1
        if self.session is not None:
            await self.session.close()
            self.session = None


class Both(Judge):
    def score(self, case, sample):
        return Score(value=1.0)
'''
SUITE = """
name: judged
cases: cases.jsonl
models:
  one: {{type: recorded, path: one.jsonl, kind: zero_shot}}
  two: {{type: recorded, path: two.jsonl, kind: few_shot}}
arms: {{one: {{model: one}}, two: {{model: two}}}}
metrics: [{{"their_judge:Judge": {{name: judge, url: "{url}"}}}}, exact_match]
run: {{latency: {{isolated: 0}}}}
decision: {{reference_arm: one}}
"""
CASES = 40


@pytest.fixture
def judge(tmp_path, monkeypatch):
    """The module, imported as an installed package is."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "their_judge.py").write_text(JUDGE)
    monkeypatch.syspath_prepend(str(tmp_path / "plugins"))
    monkeypatch.delitem(__import__("sys").modules, "their_judge", raising=False)
    import their_judge

    return their_judge


def parts(request):
    return re.fullmatch(r"reference=(.*) answer=(.*)", request["messages"][0]["content"]).groups()


@pytest.fixture
def suite(tmp_path, judge, chat_server, replies):
    """Two arms with recorded answers: the second is right three times in four. The server compares as told."""
    folder = tmp_path / "judged"
    folder.mkdir()
    (folder / "suite.yaml").write_text(SUITE.format(url=chat_server.url))

    def write(name, rows):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))

    write("cases.jsonl", [{"id": f"c{n:02}", "input": "?", "reference": f"r{n}"} for n in range(CASES)])
    for arm, right in (("one", 2), ("two", 4)):
        answers = [
            {"case_id": f"c{n:02}", "output": f"r{n}" if n % 4 < right - (right == 4) else "wrong"}
            for n in range(CASES)
        ]
        write(f"{arm}.jsonl", answers)

    def answer(request):
        reference, given = parts(request)
        return replies.completion("yes" if reference == given else "no")

    chat_server.answer = answer
    return load_suite(folder, allow_plugins=True)


def samples(count):
    return [
        Sample(
            case_id=f"c{n:02}",
            arm="one",
            status=Status.OK,
            prompt_digest="",
            request_digest="",
            output=f"r{n}",
        )
        for n in range(count)
    ]


def test_rows_keep_their_order_and_no_more_are_under_way_than_allowed(suite, judge, chat_server, replies):
    """The earliest replies take longest; a plain metric beside it keeps its place in every pair of rows."""

    def slow(request):
        reply = replies.completion("yes")
        reply.delay_s = 0.05 if int(parts(request)[0][1:]) % 4 == 0 else 0.0
        return reply

    chat_server.answer = slow
    with MetricLoop(concurrency=3) as loop:
        rows = list(score_samples(samples(20), read_cases(suite), build_metrics(suite), loop=loop))
    assert [(row.case_id, row.metric) for row in rows] == [
        (f"c{n:02}", metric) for n in range(20) for metric in ("judge", "exact_match")
    ]
    assert all(row.value == 1 for row in rows)
    assert judge.Judge.most_running == 3
    assert judge.Judge.closed == 1


def test_samples_are_read_only_a_little_ahead(suite):
    """So that memory does not grow with the run."""
    read = []

    def endless():
        for sample in samples(1) * 10_000:
            read.append(sample)
            yield sample

    with MetricLoop(concurrency=2) as loop:
        rows = score_samples(endless(), read_cases(suite), build_metrics(suite), loop=loop)
        for _ in range(10):
            next(rows)
        assert len(read) <= 10
        rows.close()


def test_a_call_that_fails_and_a_reply_that_cannot_be_read_are_missing(suite, chat_server, replies):
    chat_server.answer = lambda request: {
        "r0": replies.reply({}, status=503),
        "r1": replies.completion("?"),
        "r2": replies.completion("no"),
    }[parts(request)[0]]
    rows = score_samples(samples(3), read_cases(suite), {"judge": build_metrics(suite)["judge"]})
    assert [(row.value, row.reason, row.explanation) for row in rows] == [
        (None, "call_failed", "status 503"),
        (None, "reply_not_understood", None),
        (0.0, None, "no"),
    ]


def test_a_wrong_key_ends_the_scoring(suite, chat_server, replies):
    """Every further request would be refused as well."""
    chat_server.answer = lambda request: replies.reply({}, status=401)
    with pytest.raises(AccessError, match="wrong key"):
        list(score_samples(samples(CASES), read_cases(suite), build_metrics(suite)))
    assert len(chat_server.requests) < CASES


def test_an_exception_says_which_metric_and_case(suite, chat_server, replies):
    chat_server.answer = lambda request: replies.reply({"choices": []})
    with pytest.raises(IndexError) as caught:
        list(score_samples(samples(1), read_cases(suite), build_metrics(suite)))
    assert caught.value.__notes__ == ["raised by metric 'judge' on case 'c00', arm 'one'"]


def test_scoring_works_where_an_event_loop_is_running(suite):
    """As in a notebook."""

    async def cell():
        return list(score_samples(samples(4), read_cases(suite), build_metrics(suite)))

    assert [row.value for row in asyncio.run(cell())] == [1.0] * 8


def test_a_metric_has_one_of_the_two_methods(suite, tmp_path):
    text = (suite.folder / "suite.yaml").read_text().replace("their_judge:Judge", "their_judge:Both")
    (suite.folder / "suite.yaml").write_text(text)
    with pytest.raises(SuiteError, match="`score_async` where it asks a model: one of the two"):
        build_metrics(load_suite(suite.folder, allow_plugins=True))


def test_a_run_is_judged_once_and_comparing_asks_nobody(suite, tmp_path, chat_server):
    """Each answer is judged once, once more against another case's reference, and the result is kept on disk."""
    run = evalkit.run(suite, output=tmp_path / "reports")
    control = json.loads((run.path / "negative_control.json").read_text())
    assert control == {"format_version": 1, "metric": "judge", "seed": 0, "arms": {"one": 0.0, "two": 0.0}}
    assert [arm.scorer_chance for arm in run.comparison.arms] == [0.0, 0.0]
    assert run.wide().mean().round(3).to_dict() == {"one": 0.5, "two": 0.75}
    asked = len(chat_server.requests)
    assert asked == 2 * (2 * CASES)

    before = (run.path / "comparison.json").read_bytes()
    prepared = reload_prepared(run.folder, suite.trust)
    spine.compare_arms(prepared, run.folder)
    assert (run.path / "comparison.json").read_bytes() == before
    (run.path / "negative_control.json").unlink()  # as a run of an earlier version
    assert {arm.scorer_chance for arm in spine.compare_arms(prepared, run.folder).arms} == {None}
    evalkit.decide(run)
    assert len(chat_server.requests) == asked
    evalkit.score(run, allow_plugins=True)
    assert len(chat_server.requests) == 2 * asked
