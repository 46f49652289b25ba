"""From a compared run to a verdict that says how sure it is, what it rests on and what would change it.

    decide            decision.json from a suite, a compared run and prices; calls all that follows
    prepare           prices the arms, draws, finds the best arm of each family
    context           ComparedRun (what comes in) and DecisionContext (what everything below is answered from)
    claims            paired differences of the tuned candidates, adjusted together, and what they show
    limits            which candidates break a limit of ``decision.limits``
    shared_cases      every candidate's scores and use on the cases that the verdict rests on
    tuning_route      by which provider or machine a model is tuned, and how long it lasts
    variants          the verdict computed again on other cases or for the other way to deploy
    record_parts      parts of ``decision.json`` that are read off the payoffs and the run
    wording           numbers, inputs and verdicts as the sentences of a decision word them

    payoffs/          what each arm costs and is worth, at the mode and in every joint draw
    checklist/        the ten questions and the red flags
    verdict/          one verdict from payoffs and claims, and how firmly it stands

``decide`` calls ``prepare``, then ``checklist/``, then ``verdict/``, then writes the records of ``payoffs/``.
``checklist/`` and ``verdict/`` do not import each other: red flags and blocked questions reach the verdict as values.
"""
