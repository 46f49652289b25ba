"""Cells, the journal and the isolated latency pass."""
