"""One verdict from payoffs and claims, how firmly it stands, and the paragraph that says so.

    choose_verdict    the steps of the method in their order: payoffs, claims and ``VerdictInputs`` -> ``VerdictStep``
    sensitivity       regret, value of information, tornado, flips; completes a reason that depends on an input
    would_change      for one input, the nearest value at which the verdict changes
    explain           the verdict as a short paragraph

``decide`` calls ``choose_verdict``, then ``sensitivity``, which calls ``choose_verdict`` again under each changed
assumption, then ``explain``.
"""
