"""Addresses of servers that a suite names: what is none, or is not what it looks like, is refused before a call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from evalkit.errors import InputError, Problem
from evalkit.suite.models import HostedModelConfig, OpenAIModelConfig
from evalkit.suite.retrieval import OpenAIEmbedderConfig
from evalkit.suite.schema import Suite
from evalkit.suite.source import parse_yaml
from evalkit.suite.yaml_data import Location

_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.IGNORECASE)
_PLACES = ("base_url", "endpoint", "url")
_EXAMPLE = "write one like https://api.example.com/v1 or http://127.0.0.1:8000/v1"


def address_problems(suite: Suite) -> Iterator[Problem]:
    """A problem for each address of a model, an embedder or a vector store that cannot or should not be asked."""
    for at, address in _addresses(suite):
        fault = address_fault(address)
        if fault is None and "@" in urlsplit(address).netloc and not _from_environment(suite, at):
            fault = (
                "holds a user name or a password, and a suite is shared: put the whole address into an environment "
                "variable and write ${NAME}, or name the key's variable by api_key_env"
            )
        if fault is not None:
            yield suite.source.problem(at, f"{shown_address(address)!r} {fault}")


def public_url(url: str) -> str:
    """A URL without the user name and password that it may hold.

    Raises:
        InputError: It is no URL of a server.
    """
    if (fault := address_fault(url)) is not None:
        raise InputError(f"{shown_address(url)!r} is no address of a server: it {fault}")
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def shown_address(address: str) -> str:
    """An address as messages name it: without user and password, and not longer than a line."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        return address.rpartition("@")[2][:200]
    return f"{scheme}://{rest.rpartition('@')[2]}"[:200]


def address_fault(address: str) -> str | None:
    """Why a text is no address of an HTTP server that can be trusted to be what it looks like; None where it is one.

    >>> address_fault("http://127.0.0.1:8000/v1")
    >>> address_fault("ftp://models.example/v1")
    'does not begin with http:// or https://; write one like https://api.example.com/v1 or http://127.0.0.1:8000/v1'
    """
    if not re.match("https?://", address, re.IGNORECASE):
        return f"does not begin with http:// or https://; {_EXAMPLE}"
    if re.search(r"[\s\\\x00-\x1f\x7f<>\"^`{|}]", address):
        return f"holds a space, a backslash or another character that no address has; {_EXAMPLE}"
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        return f"is no address: {str(error)[0].lower()}{str(error)[1:]}; {_EXAMPLE}"
    if port == 0 or re.search(r":$", parts.netloc):
        return "names no port between 1 and 65535; leave the colon out or write a number"
    if parts.fragment or address.endswith("#"):
        return "holds a #, and what stands behind it is never sent; leave it out"
    return _host_fault(parts)


def _host_fault(parts: SplitResult) -> str | None:
    host = parts.hostname or ""
    if not host:
        return f"names no server; {_EXAMPLE}"
    if not host.isascii():
        try:
            written = f"; if you mean it, write {host.encode('idna').decode()!r}"
        except UnicodeError:
            written = ""
        return f"names a server in letters beyond ASCII, which may look like those of another one{written}"
    server = parts.netloc.rpartition("@")[2]
    if server.startswith("["):
        is_sound = _is_ip(host) and server.rpartition("]")[2] in ("", f":{parts.port}")
        return None if is_sound else f"names a server [{host[:80]}], which is no IPv6 address; {_EXAMPLE}"
    is_number = (
        _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) is not None
    )  # of which libraries make an IPv4
    if len(host) > 253 or not _HOST.fullmatch(host) or (is_number and not _is_ip(host)):
        return f"names a server {host[:80]!r} that cannot be one; {_EXAMPLE}"
    return None


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _addresses(suite: Suite) -> Iterator[tuple[Location, str]]:
    """Where each address of the suite stands, and the address; one whose variable is not known is left out."""
    sections: list[tuple[Location, Any]] = []
    for section in ("models", "embedders"):
        for name, config in getattr(suite, section).items():
            if isinstance(config, HostedModelConfig | OpenAIEmbedderConfig):
                sections.append(((section, name), config))
                if isinstance(config, OpenAIModelConfig | OpenAIEmbedderConfig) and config.azure:
                    sections.append(((section, name, "azure"), config.azure))
    sections += [
        (("arms", name, "retrieval", "options"), arm.retrieval.options)
        for name, arm in suite.arms.items()
        if arm.retrieval is not None and arm.retrieval.method == "qdrant"
    ]
    for at, section in sections:
        for key in _PLACES:
            value = section.get(key) if isinstance(section, dict) else getattr(section, key, None)
            if isinstance(value, str) and value not in ("chat", "completions") and "${" not in value:
                yield (*at, key), value


def _from_environment(suite: Suite, at: Location) -> bool:
    """Whether a value came, in part at least, through ``${NAME}``."""
    source = suite.source
    value: Any = parse_yaml(source.text, file=source.file, folder=source.folder, substitute=False).data
    for part in at:
        value = value.get(part) if isinstance(value, dict) else None
    return isinstance(value, str) and "${" in value
