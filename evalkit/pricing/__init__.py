"""What arms, answers, trainings and indexes cost under the prices in force.

    prices_in_force   the shipped prices with the suite's own over them; the cost of one answer
    check_prices      refuses a suite that uses a model whose price nobody knows
    arm_costs         an arm's ledger lines, and how its unit cost follows from what its requests use
    request_pricing   by what one request is priced: tokens, device seconds, what its answers state
    fixed_costs       training, work, hosting, renewals
    retrieval_costs   passages: embedding, searching, the index
    embedding_cost    money from embedding tokens and seconds
    training_price    what the machine cost that trained
    reprice_samples   the samples of a run at other prices

Amounts, price rows and their arithmetic are those of ``evalkit.economics``, which knows nothing of suites and runs.
"""
