"""Ways to the server: TLS, a proxy from the environment, connections kept and lost."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from evalkit.errors import AccessError, RetryableError
from evalkit.models.openai import OpenAIModel
from evalkit.records.case import Message
from evalkit.records.sample import Request
from evalkit.suite.models import OpenAIModelConfig

REQUEST = Request(messages=(Message(role="user", content="q"),), seed=7)
BODY = b'{"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


def model(url: str) -> OpenAIModel:
    return OpenAIModel(OpenAIModelConfig(type="openai", model="m", base_url=url), folder=Path())


async def ask(url: str, times: int = 1):
    asked = model(url)
    try:
        return [await asked.complete(REQUEST) for _ in range(times)]
    finally:
        await asked.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A key and a certificate for localhost in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    made = tmp_path_factory.mktemp("tls") / "both.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "2", *names, "-keyout", str(made), "-out", str(made.with_suffix(".crt"))),
        ],
        check=True,
        capture_output=True,
    )
    made.write_bytes(made.read_bytes() + made.with_suffix(".crt").read_bytes())
    return made


def test_times_are_taken_below_tls(certificate, monkeypatch):
    """The handshake is no part of the service time, on a first connection as on a kept one."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    connections = []

    async def serve(reader, writer):
        connections.append(1)
        while await reader.readuntil(b"\r\n\r\n"):
            await reader.readuntil(b"}")
            await reader.readuntil(b"}")
            await asyncio.sleep(0.1)
            writer.write(ANSWER)

    async def check():
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        async with server:
            return await ask(f"https://localhost:{server.sockets[0].getsockname()[1]}/v1", 3)

    done = asyncio.run(check())
    assert [each.output for each in done] == ["yes"] * 3
    assert len(connections) == 1
    assert all(0.1 <= each.timing.service_s < 0.4 for each in done)


def test_a_certificate_that_is_not_trusted_is_told_at_once(certificate):
    """Not retried: it will not pass."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def serve(reader, writer):
        writer.close()

    async def check():
        async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
            await ask(f"https://localhost:{server.sockets[0].getsockname()[1]}/v1")

    with pytest.raises(AccessError, match="SSL_CERT_FILE"):
        asyncio.run(check())


def test_the_environments_proxy_is_used_and_its_exceptions_heeded(chat_server, monkeypatch):
    """This machine itself is no matter for a proxy, whether the environment says so or not."""
    monkeypatch.setenv("http_proxy", chat_server.url.removesuffix("/v1"))
    monkeypatch.setenv("no_proxy", "near.invalid")
    asyncio.run(ask("http://model.invalid/v1"))
    asyncio.run(ask(chat_server.url))
    with pytest.raises(RetryableError):
        asyncio.run(ask("http://near.invalid/v1"))
    assert chat_server.targets == [
        "POST http://model.invalid/v1/chat/completions HTTP/1.1",
        "POST /v1/chat/completions HTTP/1.1",
    ]


def test_nobody_listening_is_a_passing_fault():
    with pytest.raises(RetryableError, match="connection failed"):
        asyncio.run(ask("http://127.0.0.1:9/v1"))


def test_a_host_that_does_not_exist_is_a_passing_fault():
    with pytest.raises(RetryableError, match="connection failed"):
        asyncio.run(ask("http://model.invalid/v1"))


def test_one_model_serves_several_event_loops(chat_server):
    """A notebook runs one loop after the other; connections belong to a loop."""
    asked = model(chat_server.url)

    async def once():
        done = await asked.complete(REQUEST)
        await asked.close()
        return done.output

    assert [asyncio.run(once()) for _ in range(2)] == ["yes", "yes"]


def test_something_that_is_no_http_is_a_passing_fault():
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        writer.close()

    async def check():
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            await ask(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")

    with pytest.raises(RetryableError):
        asyncio.run(check())
