"""``report.json``: everything the other forms of the report show, for programs."""

from __future__ import annotations

import msgspec

from evalkit.records.record import from_json, to_pretty_json
from evalkit.records.run import RunRecords

SCHEMA = 1
"""Raised when a field changes its meaning or goes away; new fields do not raise it."""


def render_document(records: RunRecords) -> bytes:
    """The records as indented JSON with their schema version first; money is written as strings."""
    return to_pretty_json({"schema": SCHEMA} | msgspec.structs.asdict(records))


def read_document(content: bytes) -> RunRecords:
    """The records back.

    Raises:
        msgspec.ValidationError: It is not a report of this schema.
    """
    return from_json(content, RunRecords)
