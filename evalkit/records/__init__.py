"""Frozen data that crosses floors. Each file holds the records of one idea; nothing here computes."""
