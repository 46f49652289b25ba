"""Whether the client was the bottleneck while the arms were answered, and what that does to the figures."""

from __future__ import annotations

from evalkit.records.run import RunRecords
from evalkit.text.number_format import percent

BOTTLENECK_FROM = 0.2
"""Share of the time in which our event loop came late, from which on the report says so."""
FEWEST_BEATS = 20
"""A second of asking; fewer beats tell nothing."""


def client_bound(records: RunRecords) -> str | None:
    """A sentence or two; None where the client kept up, or nothing was measured."""
    answering = records.answering
    if answering is None:
        return None
    shares = {
        arm: beats.late_share
        for arm, beats in answering.client.items()
        if beats.beats >= FEWEST_BEATS and beats.late_share >= BOTTLENECK_FROM
    }
    if not shares:
        return None
    arms = ", ".join(f"{arm} ({percent(share, 0)} of the time)" for arm, share in shares.items())
    # Elsewhere the moment at which bytes are read stands in for their arrival; see models.socket_times.
    stamped = records.manifest.platform.startswith("linux")
    effect = (
        "Latency is stamped where bytes arrive and does not grow by it; waiting for a turn and the length of the run do"
        if stamped
        else "Latency on this platform may be longer for it, and so is the length of the run"
    )
    return (
        f"The client was the bottleneck: evalkit's own event loop came more than 10 ms late while it asked {arms}. "
        f"{effect}. Fewer requests at once (-j) or a machine with less other work would help."
    )
