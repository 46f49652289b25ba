"""What each arm costs and is worth over the horizon: in every joint draw, and exactly at one point.

    joint_draws         quality, tokens, seconds and uncertain inputs of all arms, drawn together (``draw_jointly``)
    payoff_model        net benefit or cost of every arm in every draw, as declared or with an assumption changed
    more_evidence       what more cases or more trainings would be worth (EVSI), from the payoffs
    net_benefit_claims  net benefit of one arm less that of another in closed form, on the shared cases
    dominated           arms whose unknown costs need not be known: worse than another, and already dearer
    pilot               what a tuned arm that nobody measured would have to reach, from the payoffs
    deterministic       net benefit with every input at a point: the figure that a person follows by hand
    ledger_records      ledgers, break-even and Pareto front as ``decision.json`` keeps them
    unit_economics      cost per correct answer and goodput of one arm

``prepare`` makes the draws and the model. ``verdict/`` asks the model, ``more_evidence`` and ``pilot``; ``decide`` asks
the last three for its records. What an arm's requests, training and hosting cost comes from ``evalkit.pricing``.
"""
