"""Ledger lines beside the requests: indexes, stores, hosting by the price row, renewals."""

from decimal import Decimal

from evalkit.decision.payoffs.deterministic import point_net_benefit, priced


def arms(synthetic):
    return {
        "few_shot": synthetic.Arm(synthetic.scores(60, 100)),
        "rag": synthetic.Arm(synthetic.scores(70, 100), kind="rag"),
        "tuned": synthetic.Arm(synthetic.scores(80, 100), kind="fine_tuned", shots=0),
    }


def ledger(synthetic, **changes):
    return synthetic.decision(synthetic.make_run(arms(synthetic), **changes)).ledger


def amounts(lines):
    return {line.name: line.amount for line in lines}


def test_an_index_is_built_kept_and_built_again_by_the_arms_that_retrieve(synthetic):
    """Built for 40 USD, again after 4 and 8 of 12 months; its store is 15 USD a month."""
    found = ledger(
        synthetic,
        economics={"reindex_cost": 40, "reindex_every_months": 4, "hosting": {"vector_store_per_month": 15}},
    )
    rag = found["rag"]
    assert amounts(rag.one_off) == {"index building": Decimal(40)}
    assert amounts(rag.standing) == {"vector store": Decimal(180)}
    assert amounts(rag.recurring) == {"re-indexing": Decimal(80)}
    assert amounts(found["few_shot"].one_off) == {}
    assert "index building" not in amounts(found["tuned"].one_off)


def test_a_tunes_hosting_comes_from_its_price_row_where_the_suite_declares_none(synthetic):
    """1.70 USD an hour for 730 hours a month, 12 months."""
    found = ledger(synthetic, prices={"ft:acme-base": {"hosting_per_hour": 1.7}})
    (line,) = found["tuned"].standing
    assert (line.name, line.amount) == ("hosting", Decimal("1.7") * 730 * 12)
    assert line.basis == "1.7 per hour x 730 hours a month x 12 months"
    assert found["rag"].standing == ()


def test_a_declared_cadence_moves_what_retuning_costs_and_a_changed_one_replaces_it(synthetic):
    """Ten hours at 50 USD and a bill of 100; retuning without hours pays the bill again, at months 4 and 8."""
    run = synthetic.make_run(arms(synthetic), economics={"retune_every_months": 4})
    assert sum(line.amount for line in synthetic.decision(run).ledger["tuned"].recurring) == 200
    found = synthetic.prepared(run)
    context = found.context
    arm = priced(context.cost_models["tuned"].costs, quality=0.8, wrong=0.2)
    worth = {
        months: point_net_benefit(
            arm, context.terms, context.lives["tuned"], inputs={"retune_every_months": months}
        )
        for months in (4.0, 6.0, 12.0)
    }
    assert worth[6.0] - worth[4.0] == 100
    assert worth[12.0] - worth[4.0] == 200
