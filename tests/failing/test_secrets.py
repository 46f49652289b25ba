"""Values that came through ``${NAME}``, keys and passwords: in no file and no message, in whatever form they come back.

Each case was a leak once; the providers are real servers on loopback.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from evalkit.cli import main as door
from evalkit.secrets import Secrets
from evalkit.store.run_folder import RunFolder
from evalkit.store.seal import seal
from tests.builders.raw_server import RawServer, answer, delta, events, reply

SECRET = "AKIA-VERYSECRET-0123456789"
KEY = "sk-Se/cret+Key=abcdefgh12345"
PASSWORD = "p@ssW0rd-secretPW"


@dataclass
class Ended:
    """A command that ended."""

    code: int
    said: str
    folder: Path

    def holds(self, *texts: str) -> list[str]:
        """Where a text stands: files by name, and ``said`` for the messages."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        inside = [path.name for path in files for text in texts if text.encode() in path.read_bytes()]
        return inside + ["said" for text in texts if text in self.said]

    @property
    def run(self) -> Path:
        return next(self.folder.glob("runs/*/*"))


@pytest.fixture
def server() -> Iterator[RawServer]:
    made = RawServer(lambda connection, asked: reply(connection))
    yield made
    made.close()


@pytest.fixture
def command(tmp_path, monkeypatch, capfd) -> Callable[..., Ended]:
    """``command("run", suite)``; what it writes and its cache lie in one folder, without the suite."""
    written = tmp_path / "written"
    written.mkdir()
    monkeypatch.setenv("EVALKIT_CACHE_DIR", str(written / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("A_SECRET_KEY", SECRET)

    def call(*arguments: object) -> Ended:
        capfd.readouterr()
        code = door.run(list(map(str, arguments)))
        shown = capfd.readouterr()
        return Ended(code, shown.out + shown.err, written)

    return call


@pytest.fixture
def suite(tmp_path, server) -> Callable[..., Path]:
    """Writes a suite of one hosted model; keywords are its settings."""

    def write(change: Callable[[dict[str, Any]], None] = lambda data: None, **model: Any) -> Path:
        folder = tmp_path / "suite"
        folder.mkdir(exist_ok=True)
        cases = [{"id": f"c{n}", "input": f"question {n}", "reference": "yes"} for n in range(3)]
        (folder / "cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
        base = {"type": "openai", "model": "m", "base_url": server.url, "max_attempts": 1, **model}
        data = {
            "name": "secrets",
            "cases": "cases.jsonl",
            "models": {"base": base},
            "arms": {"zero_shot": {"model": "base"}},
            "metrics": ["exact_match"],
            "run": {"latency": {"isolated": 0}},
            "prices": {"m": {"input": 1.0, "output": 4.0, "as_of": "2026-11-01", "source": "made up"}},
            "decision": {"draws": 500},
        }
        change(data)
        (folder / "suite.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
        return folder

    return write


def run_of(command, suite) -> Ended:
    return command("run", suite, "-o", suite.parent / "written" / "runs")


def test_a_variable_is_named_and_not_written_in_every_file_of_a_run(command, suite, server):
    """In ``extra_body`` of two models, so that their configurations differ, in prompt, purpose and description."""

    def everywhere(data: dict[str, Any]) -> None:
        data["use_case"] = {"improve": "x ${A_SECRET_KEY}"}
        data["description"] = "${A_SECRET_KEY}"
        data["prompts"] = {"p": {"system": "sys ${A_SECRET_KEY}", "user": "{{input}}"}}
        base = data["models"]["base"]
        data["models"] = {
            "base": {**base, "extra_body": {"user": "${A_SECRET_KEY}"}},
            "other": {**base, "extra_body": {"user": "other"}},
        }
        data["arms"]["other"] = {"model": "other"}

    done = run_of(command, suite(everywhere))
    assert done.code == 0
    assert any(SECRET.encode() in asked.body for asked in server.requests)
    assert done.holds(SECRET) == []
    assert "x ${A_SECRET_KEY}" in (done.run / "report.html").read_text("utf-8")
    arms = json.loads((done.run / "manifest.json").read_text("utf-8"))["arms"]
    assert arms[0]["settings"]["extra_body"] == '{"user": "${A_SECRET_KEY}"}'


def test_what_the_server_repeats_of_a_variable_is_named(command, suite, server):
    server.handler = lambda connection, asked: reply(connection, answer(asked.body.decode()))
    done = run_of(command, suite(extra_body={"user": "${A_SECRET_KEY}"}))
    assert (done.code, done.holds(SECRET)) == (0, [])
    assert "${A_SECRET_KEY}" in (done.run / "samples.jsonl").read_text("utf-8")


def test_what_the_server_repeats_in_an_error_is_named(command, suite, server):
    server.handler = lambda connection, asked: reply(
        connection, {"error": {"message": "bad body " + asked.body.decode()}}, status=400
    )
    done = run_of(command, suite(extra_body={"user": "${A_SECRET_KEY}"}))
    assert (done.code, done.holds(SECRET)) == (104, [])


def test_short_and_common_values_are_left_in_texts_and_named_where_they_are_set(
    command, suite, server, monkeypatch
):
    for name, value in (("ONE", "1"), ("FLAG", "true"), ("WORD", "yes"), ("STAGE", "production line")):
        monkeypatch.setenv(name, value)
    text = "yes: 1 is true on the production line"
    server.handler = lambda connection, asked: reply(connection, answer(text))

    def worded(data: dict[str, Any]) -> None:
        data["prompts"] = {"p": {"system": "${STAGE}", "user": "{{input}}"}}

    done = run_of(command, suite(worded, extra_body={"a": "${ONE}", "b": "${FLAG}", "c": "${WORD}"}))
    rows = (done.run / "samples.jsonl").read_text("utf-8").splitlines()
    assert {json.loads(row)["output"] for row in rows} == {text}
    arms = json.loads((done.run / "manifest.json").read_text("utf-8"))["arms"]
    assert arms[0]["settings"]["extra_body"] == '{"a": "${ONE}", "b": "${FLAG}", "c": "${WORD}"}'


def test_a_finished_run_from_elsewhere_is_given_no_variable(command, suite):
    done = run_of(command, suite())
    kept = done.run / "suite.yaml"
    data = yaml.safe_load(kept.read_text("utf-8"))
    data["use_case"] = {"improve": "${A_SECRET_KEY}"}
    data["prices"]["m"]["source"] = "${A_SECRET_KEY}"
    kept.write_text(yaml.safe_dump(data))
    (done.run / "prices.yaml").write_text(yaml.safe_dump({"prices": data["prices"]}))
    seal(RunFolder(done.run))  # as whoever made the folder would
    for name in ("report", "decide", "compare"):
        again = command(name, done.run)
        assert (again.code, again.holds(SECRET)) == (0, [])
    assert "${A_SECRET_KEY}" in (done.run / "report.html").read_text("utf-8")


def test_a_finished_run_keeps_the_settings_that_its_commands_read(command, suite, monkeypatch):
    """The model's price and its limit come through variables, which the later command does not have."""
    monkeypatch.setenv("MODEL", "m")
    monkeypatch.setenv("MAX_TOKENS", "64")
    done = run_of(command, suite(model="${MODEL}", max_tokens="${MAX_TOKENS}"))
    before = (done.run / "decision.json").read_bytes()
    monkeypatch.delenv("MODEL")
    monkeypatch.delenv("MAX_TOKENS")
    again = command("decide", done.run)
    assert again.code == 0
    assert (done.run / "decision.json").read_bytes() == before
    assert '"m"' in (done.run / "suite.yaml").read_text("utf-8")


def test_where_a_command_needs_a_value_that_a_run_does_not_keep_it_says_so(command, suite):
    done = run_of(command, suite())
    kept = done.run / "suite.yaml"
    kept.write_text(kept.read_text("utf-8").replace("draws: 500", "draws: ${DRAWS}"))
    seal(RunFolder(done.run))
    again = command("decide", done.run)
    assert again.code == 2
    assert "a run expands no ${NAME}" in again.said


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("max_tokens", "${A_SECRET_KEY}"),
        ("base_url", "${A_SECRET_KEY}"),
        ("base_url", "http://u:${A_SECRET_KEY}@h:notaport/v1"),
        ("model", "${A_SECRET_KEY}"),
        ("endpoint", "${A_SECRET_KEY}"),
    ],
)
def test_no_message_about_a_suite_says_a_value(command, suite, place, value):
    assert command("validate", suite(**{place: value})).holds(SECRET) == []


@pytest.mark.parametrize("key", ["model", "prompt"])
def test_no_message_about_a_name_says_a_value(command, suite, key):
    done = command("validate", suite(lambda data: data["arms"]["zero_shot"].update({key: "${A_SECRET_KEY}"})))
    assert (done.code, done.holds(SECRET)) == (2, [])


def escaped(key: str) -> str:
    return "".join(f"\\u{ord(character):04x}" for character in key)


FORMS = {
    "plain": KEY,
    "slash": KEY.replace("/", "\\/"),
    "unicode": escaped(KEY),
    "html": KEY.replace("+", "&#43;"),
    "percent": quote(KEY, safe=""),
    "base64": base64.b64encode(KEY.encode()).decode(),
}


@pytest.mark.parametrize("status", [200, 401, 500])
def test_an_echoed_key_is_hidden_in_every_form(command, suite, server, status):
    said = f'"your key is {", ".join(FORMS.values())}."'
    body = (
        f'{{"choices":[{{"message":{{"content":{said}}},"finish_reason":"stop"}}]}}'
        if status == 200
        else f'{{"error":{{"message":{said}}}}}'
    )
    server.handler = lambda connection, asked: reply(connection, body.encode(), status=status)
    done = run_of(command, suite())
    assert done.code == (0 if status == 200 else 104)
    assert done.holds(*FORMS.values()) == []
    assert status == 200 or done.said.count("[redacted]") >= len(FORMS)


@pytest.mark.parametrize("key", [KEY + "\n", "sk-ключ-secretsecret"], ids=["a line end", "no ASCII"])
def test_a_key_that_no_header_holds_is_told_of_without_it(command, suite, monkeypatch, key):
    folder = suite()
    monkeypatch.setenv("OPENAI_API_KEY", key)
    assert run_of(command, folder).holds(KEY, "secretsecret") == []


def test_a_key_in_two_pieces_of_a_stream_is_hidden(command, suite, server):
    body = events(delta(f"key {KEY[:9]}"), delta(KEY[9:]), delta(finish="stop"))
    # The kind of a reply is the same in capitals.
    server.handler = lambda connection, asked: reply(
        connection, body, kind="Text/Event-Stream; charset=UTF-8"
    )
    done = run_of(command, suite(stream=True))
    assert (done.code, done.holds(*FORMS.values())) == (0, [])


def test_the_account_of_a_url_is_hidden(command, suite, server, monkeypatch):
    """The whole of it, the password as it is written and as it is sent, and both as the header has them."""
    address = server.url.replace("://", f"://user:{quote(PASSWORD)}@")
    server.handler = lambda connection, asked: reply(
        connection,
        {"error": {"message": f"{asked.headers['authorization']} is user:{PASSWORD}, {quote(PASSWORD)}"}},
        status=500,
    )
    monkeypatch.setenv("THEIR_SERVER", address)
    done = run_of(command, suite(base_url="${THEIR_SERVER}"))
    header = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    assert server.requests[0].headers["authorization"] == f"Basic {header}"
    assert done.code == 104
    assert done.holds(PASSWORD, quote(PASSWORD), header.rstrip("=")) == []


def test_a_key_in_the_query_of_an_address_is_hidden_as_it_is_written_and_as_it_is_read():
    """A plus in a query is a space to one server and a plus to another."""
    secrets = Secrets()
    secrets.add_address(f"http://h/v1?api_key={KEY}&version=2026-11-28&access%5Ftoken={quote(SECRET)}%2F1")
    said = secrets.hide(f"{KEY} or {KEY.replace('+', ' ')}, {SECRET}/1 of 2026-11-28")
    assert said == "[redacted] or [redacted], [redacted] of 2026-11-28"


@pytest.mark.parametrize("status", [302, 307])
def test_no_key_follows_a_redirection(command, suite, server, status):
    other = RawServer(lambda connection, asked: reply(connection))
    try:
        server.handler = lambda connection, asked: reply(
            connection, b"", status=status, location=f"{other.url}/x"
        )
        done = run_of(command, suite())
        assert done.code == 104
        assert other.requests == []
        assert len(server.requests) == 1
        assert f"It points to {other.root}" in done.said
    finally:
        other.close()


def test_the_account_of_a_proxy_is_hidden(command, suite, server, monkeypatch):
    """It comes from the environment, and the proxy may say it again, as the header has it."""
    server.handler = lambda connection, asked: reply(
        connection, f"no: {asked.headers['proxy-authorization']}, user:{PASSWORD}".encode(), status=407
    )
    monkeypatch.setenv("http_proxy", server.root.replace("://", f"://user:{quote(PASSWORD)}@"))
    monkeypatch.delenv("no_proxy", raising=False)
    done = run_of(command, suite(base_url="http://api.example.invalid/v1"))
    header = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    assert server.requests[0].headers["proxy-authorization"] == f"Basic {header}"
    assert done.code == 104
    assert done.holds(PASSWORD, quote(PASSWORD), header.rstrip("=")) == []


PLACES = {
    "MODEL_ADDRESS": "account-of-the-model",
    "BODY": "value-of-the-body-1",
    "EMBEDDER_BODY": "value-of-the-embedder-3",
    "EMBEDDER_KEY": "key-of-the-embedder-4",
    "STORE_ADDRESS": "account-of-the-store",
    "QDRANT_API_KEY": "key-of-the-store-5",
    "PROMPT": "value-of-the-prompt-6",
}
"""A secret in every place that a suite has for one."""


@pytest.mark.parametrize("status", [200, 500], ids=["answered", "refused"])
def test_no_file_of_a_run_and_no_cache_holds_a_secret_of_any_place(
    command, suite, server, monkeypatch, status
):
    """The servers of model, embedder and vector store say all that they are sent again, in headers and bodies."""
    pytest.importorskip("qdrant_client")
    for name, value in PLACES.items():
        address = server.url.replace("://", f"://user:{value}@")
        monkeypatch.setenv(name, f"{address}/{name[:3].lower()}" if name.endswith("ADDRESS") else value)

    def echo(connection: Any, asked: Any) -> bool:
        said = f"{asked.target} {dict(asked.headers)} {asked.body.decode('utf-8', 'replace')}"
        if status == 200 and "/emb" in asked.target:
            count = len(json.loads(asked.body)["input"])
            rows = [{"index": at, "embedding": [1.0, at + 1.0]} for at in range(count)]
            return reply(connection, {"data": rows, "model": said, "usage": {"prompt_tokens": 3}})
        if status == 200 and "/mod" in asked.target:
            return reply(connection, answer(said))
        return reply(connection, {"error": {"message": said}, "status": {"error": said}}, status=500)

    def everywhere(data: dict[str, Any]) -> None:
        data["prompts"] = {"p": {"system": "${PROMPT}", "user": "{{input}}"}}
        data["embedders"] = {
            "e": {
                "type": "openai",
                "model": "e",
                "base_url": f"{server.url}/emb",
                "api_key_env": "EMBEDDER_KEY",
                "encoding_format": "float",
                "extra_body": {"user": "${EMBEDDER_BODY}"},
                "max_attempts": 1,
            }
        }
        passages = {"corpus": "docs", "embedder": "e", "top_k": 1}
        data["arms"]["dense"] = {"model": "base", "retrieval": {**passages, "method": "dense"}}
        data["arms"]["stored"] = {
            "model": "base",
            "retrieval": {
                **passages,
                "method": "qdrant",
                "options": {"url": "${STORE_ADDRESS}", "timeout_s": 2},
            },
        }

    folder = suite(everywhere, base_url="${MODEL_ADDRESS}", extra_body={"user": "${BODY}"})
    (folder / "docs").mkdir()
    for name in "ab":
        (folder / "docs" / f"{name}.md").write_text(f"document {name}")
    server.handler = echo
    done = run_of(command, folder)
    assert done.code == 104  # of the vector store at least
    sent = "".join(f"{asked.headers} {asked.body!r}" for asked in server.requests)
    assert "key-of-the-embedder-4" in sent
    assert status == 500 or "value-of-the-body-1" in sent
    forms = [
        form
        for value in PLACES.values()
        for form in (value, base64.b64encode(f"user:{value}".encode()).decode().rstrip("="))
    ]
    assert done.holds(*forms) == []
    for reader in ("report", "decide", "compare"):
        again = command(reader, done.run)
        assert again.code in (0, 2)  # 2 where the run has no scores yet
        assert again.holds(*forms) == []
