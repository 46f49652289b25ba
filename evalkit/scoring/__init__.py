"""Marking: every sample by every metric."""
