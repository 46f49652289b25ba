"""What the samples say: one table of all scores, arms summarised, arms held against each other.

Read `compare.py` first.
"""
