"""What the samples say: one table of all scores, arms summarised, arms compared with each other.

Read `compare.py` first.
"""
