"""The gate: a run compared with a baseline, rule by rule, and what its cases let one say.

Named after what is done, as ``evalkit.gate`` is the public call: a package of that name would hide it.
"""
