"""Statistics on plain arrays: intervals, paired comparisons, power, and the value of more information.

Pure functions: numbers in, small frozen records out. Chance is passed in as a generator. Import each function from the
file that is named after its idea, for example `from evalkit.stats.compare import paired_difference`.
"""
