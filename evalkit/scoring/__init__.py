"""Scoring: every sample by every metric."""
