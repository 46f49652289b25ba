"""Content digests: what makes two inputs the same.

BLAKE2b with 16 bytes, written as hex. Mappings are digested as JSON with sorted keys, so that the
order in which a user wrote the keys does not matter.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from evalkit.bounded_file import open_regular

_encode = msgspec.json.Encoder(order="sorted").encode


def digest_bytes(content: bytes) -> str:
    """The digest of bytes, 32 hex characters."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def digest_of(value: object) -> str:
    """The digest of anything that msgspec can write as JSON, records included; 32 hex characters.

    >>> digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    True
    """
    return digest_bytes(_encode(value))


def digest_file(path: Path) -> str:
    """The digest of a file's bytes, read in blocks; 32 hex characters."""
    state = hashlib.blake2b(digest_size=16)
    with open_regular(path) as stream:
        while block := stream.read(1 << 20):
            state.update(block)
    return state.hexdigest()


def digest_folder(folder: Path, *, pattern: str = "*") -> str:
    """The digest of the names and bytes of the files under ``folder`` that match ``pattern``, sorted by name."""
    files = sorted(path for path in folder.rglob(pattern) if path.is_file())
    return digest_of([[path.relative_to(folder).as_posix(), digest_file(path)] for path in files])
