"""The commands of ``evalkit``, one file each.

A command parses its options, calls ``evalkit.api``, prints, and returns its exit code. ``main`` is the entry point: it
turns errors into messages and exit codes.
"""
