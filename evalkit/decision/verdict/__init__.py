"""One verdict from payoffs and claims, how firmly it stands, and the paragraph that says so.

    choose_verdict      the steps of the method in their order: payoffs, claims and ``VerdictInputs`` -> ``VerdictStep``
    sensitivity         regret, value of information, tornado, flips; completes a reason that depends on an input
    would_change        for one input, the nearest value at which the verdict changes
    unfinished          alternatives to tuning that are not finished: retrieval that misses, more shots
    explain             the verdict as a short paragraph, from the sentences below
    facts_of_decision   which choice a sentence is about
    certainty           how sure the verdict is
    conditions          why a run cannot decide, and what would change the answer
    evidence_sentences  quality, target, limits, trainings, cases, and the counts of answers and flags
    money_sentences     what arms cost and are worth, and where two are level

``decide`` calls ``choose_verdict``, then ``sensitivity``, which calls ``choose_verdict`` again under each changed
assumption, then ``explain``.
"""
