"""Pilot tunes: from a base model and training rows to an adapter."""
