"""Addresses of servers: what cannot be asked, or is not what it looks like, is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.errors import SuiteError
from evalkit.suite.addresses import address_fault
from evalkit.suite.load import load_suite

SUITE = """\
name: asked
cases: cases.jsonl
models:
  base:
    type: openai
    model: m
    base_url: "{model}"
  azure: {{type: openai, model: m, azure: {{endpoint: "{azure}", api_version: "1"}}}}
embedders:
  small: {{type: openai, model: e, base_url: "{embedder}"}}
arms:
  a: {{model: base, retrieval: {{corpus: docs, method: qdrant, options: {{url: "{qdrant}"}}}}}}
metrics: [exact_match]
"""
FINE = "https://api.example.com/v1"
BAD = {
    "api.example.com/v1": "does not begin with http:// or https://",
    "//api.example.com/v1": "does not begin with http",
    "ftp://api.example.com": "does not begin with http",
    "file:///etc/passwd": "does not begin with http",
    "javascript:alert(1)": "does not begin with http",
    "https//api.example.com": "does not begin with http",
    "https:/api.example.com": "does not begin with http",
    "http://": "names no server",
    "http:///v1": "names no server",
    "http://:8000/v1": "names no server",
    "http://a b.example/v1": "holds a space",
    " https://api.example.com/v1": "does not begin with http",
    "https://api.example.com/v1 ": "holds a space",
    "https://api.example.com\\\\@evil.example/": "a backslash",
    "http://127.0.0.1:0/v1": "no port between 1 and 65535",
    "http://127.0.0.1:65536/v1": "ort out of range 0-65535",
    "http://127.0.0.1:80a/v1": "ort could not be cast",
    "http://127.0.0.1:/v1": "no port between",
    "http://[::1/v1": "nvalid IPv6",
    "https://[v1.x]/v1": "[v1.x], which is no IPv6 address",
    "http://[::1]x/v1": "no IPv6 address",
    "http://127.1/v1": "cannot be one",
    "http://2130706433/v1": "cannot be one",
    "http://0x7f.0.0.1/v1": "cannot be one",
    "http://1.2.3.4.5/v1": "cannot be one",
    "https://аpi.example.com/v1": "write 'xn--",  # a Cyrillic а
    "https://api。example.com/v1": "letters beyond ASCII",
    "https://ａpi.example.com": "letters beyond ASCII",
    "https://api..example.com": "cannot be one",
    "https://-api.example.com": "cannot be one",
    "https://api%2eexample.com": "cannot be one",
    "https://api.example.com/v1#frag": "holds a #",
    "https://me:secret-word@api.example.com/v1": "a user name or a password",
    "https://api.openai.com@evil.example/v1": "a user name or a password",
}


def write(folder: Path, **places: str) -> Path:
    given = dict.fromkeys(("model", "azure", "embedder", "qdrant"), FINE) | places
    (folder / "suite.yaml").write_text(SUITE.format(**given), encoding="utf-8")
    return folder


@pytest.mark.parametrize("address", BAD)
def test_a_bad_address_is_refused_with_its_line(tmp_path, address):
    with pytest.raises(SuiteError) as refused:
        load_suite(write(tmp_path, model=address))
    message = str(refused.value)
    assert message.startswith(f"{tmp_path / 'suite.yaml'}:7: models.base.base_url: ")
    assert BAD[address] in message
    assert "secret-word" not in message


@pytest.mark.parametrize(
    ("place", "where"),
    [
        ("azure", ":8: models.azure.azure.endpoint"),
        ("embedder", ":10: embedders.small.base_url"),
        ("qdrant", ":12: arms.a.retrieval.options.url"),
    ],
)
def test_every_place_of_an_address_is_looked_at(tmp_path, place, where):
    with pytest.raises(SuiteError, match=where):
        load_suite(write(tmp_path, **{place: "ftp://api.example.com"}))


@pytest.mark.parametrize(
    "address",
    [
        FINE,
        "HTTPS://API.example.com:443/v1/",
        "http://127.0.0.1:8000/v1",
        "http://[::1]:8000",
        "http://localhost:11434/v1",
        "http://vllm_server:8000/v1",
        "http://10.0.0.7",
        "https://xn--pi-7kc.example.com/v1?api-version=1",
        "https://api.example.com./v1",
    ],
)
def test_what_people_use_is_taken(tmp_path, address):
    assert address_fault(address) is None
    load_suite(write(tmp_path, model=address, azure=address, embedder=address, qdrant=address))


def test_a_password_may_come_from_the_environment(tmp_path, monkeypatch):
    """It is then in no file that is shared."""
    monkeypatch.setenv("THEIR_SERVER", "https://me:secret-word@api.example.com/v1")
    load_suite(write(tmp_path, model="${THEIR_SERVER}"))
    monkeypatch.setenv("THEIR_SERVER", "ftp://me:secret-word@api.example.com/v1")
    with pytest.raises(SuiteError, match="does not begin with http") as refused:
        load_suite(write(tmp_path, model="${THEIR_SERVER}"))
    assert "secret-word" not in str(refused.value)
