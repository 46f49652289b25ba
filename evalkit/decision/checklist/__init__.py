"""The ten questions of the checklist, the red flags, and the facts that both rest on.

    answers           the ten findings, in order (``checklist``)
    question          number, group and text of each question, and how an answer becomes a finding
    use_case          question 1: is there a gap, and of the kind that tuning closes?
    alternatives      questions 2 and 3: prompting, retrieval
    costs             questions 4 to 7: a way to tune, the work, the compute, the data
    benefits          questions 8 to 10: quality, cost, what the tuned model can still do
    red_flags         what weakens the evidence; ``invalid`` flags keep it from carrying ``fine_tune``
    provenance_flags  red flags about which model answered and what a prompt was optimised on
    scorer_checks     negative control, metric at its ceiling or floor
    end_dates         days on which a model of the suite answers no more

Everything is answered from a ``DecisionContext``; nothing here knows the verdict.
"""
