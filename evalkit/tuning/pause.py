"""Asking a training to stop where it is: the message to its process, and what the training asks itself."""

from __future__ import annotations

import threading

WORD = b"pause\n"
"""Sent to a training process in place of an order."""

asked = threading.Event()
"""Set in a training process that is to keep a checkpoint and stop."""


class Paused(Exception):  # noqa: N818 - not an error
    """The training stopped because it was asked to; it goes on from its checkpoint."""
