"""Cases for people to read: where the candidates disagree most, one of each cluster."""

from evalkit.comparison.excerpts import pick_excerpts


def graded(synthetic, few, tuned, **given):
    arms = {"few_shot": synthetic.Arm(few), "tuned": synthetic.Arm(tuned, kind="fine_tuned", shots=0)}
    return synthetic.make_run(arms, **given)


def picked(run, **given):
    cases = {case.id: case for case in run.cases}
    return pick_excerpts(run.table, cases.__getitem__, run.samples, **given)


def test_the_widest_spread_comes_first_and_agreement_is_not_shown(synthetic):
    run = graded(synthetic, [0.0, 0.5, 0.2, 1.0], [0.4, 0.5, 1.0, 0.9])
    found = picked(run)
    assert [each.case_id for each in found] == ["c2", "c0", "c3"]
    assert [(answer.arm, answer.value) for answer in found[0].answers] == [("few_shot", 0.2), ("tuned", 1.0)]
    assert (found[0].input, found[0].reference) == ("question 2", "yes")


def test_no_more_than_asked_for(synthetic):
    run = graded(synthetic, [0.0] * 12, [1.0] * 12)
    assert len(picked(run)) == 8
    assert len(picked(run, most=3)) == 3


def test_equals_come_in_the_order_of_the_suite(synthetic):
    run = graded(synthetic, [0.0] * 12, [1.0] * 12)
    order = [case.id for case in run.cases]
    assert [each.case_id for each in picked(run, most=4, order=order)] == ["c0", "c1", "c2", "c3"]
    assert [each.case_id for each in picked(run, most=4)] == ["c0", "c1", "c10", "c11"]


def test_one_case_stands_for_its_cluster(synthetic):
    run = graded(synthetic, [0.0] * 4, [1.0, 0.9, 0.8, 0.7], clusters=["a", "a", "b", "b"])
    assert [each.case_id for each in picked(run)] == ["c0", "c2"]


def test_a_case_that_an_arm_has_no_score_for_is_no_disagreement(synthetic):
    run = graded(synthetic, [0.0, 0.0], [None, 1.0])
    assert [each.case_id for each in picked(run)] == ["c1"]


def test_a_long_answer_is_cut_and_one_that_is_gone_is_empty(synthetic):
    """600 characters are shown, the last of them an ellipsis."""
    run = graded(synthetic, [0.0], [1.0], outputs={"few_shot": ["x" * 601]})
    kept = [sample for sample in run.samples if sample.arm == "few_shot"]
    cases = {case.id: case for case in run.cases}
    (found,) = pick_excerpts(run.table, cases.__getitem__, kept)
    shown = [answer.output for answer in found.answers]
    assert (len(shown[0]), shown[0][-2:], shown[1]) == (600, "x…", "")
