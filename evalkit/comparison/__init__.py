"""Paired differences between arms, curves, and failures by kind."""
