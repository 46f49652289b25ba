"""Cases of equal input and cases of one declared cluster are joined, whatever their order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.connected_clusters import connected_clusters


def partition(codes):
    return {frozenset(np.flatnonzero(codes == code).tolist()) for code in codes}


def test_forty_questions_asked_ten_times_are_forty():
    found = connected_clusters([f"question {case % 40}" for case in range(400)])
    assert (found.n_clusters, found.n_repeated) == (40, 360)


def test_one_question_about_three_hundred_documents_is_three_hundred():
    """The input is the question and every field that the prompts read."""
    found = connected_clusters([("What is the total?", f"document {case}") for case in range(300)])
    assert (found.n_clusters, found.n_repeated) == (300, 0)


def test_a_chain_of_equal_inputs_and_declared_clusters_is_one_cluster():
    found = connected_clusters(["a", "b", "c", "a", "d"], ["x", "y", "y", "y", None])
    assert found.codes.tolist() == [0, 0, 0, 0, 1]


def test_a_question_called_like_a_cluster_is_not_that_cluster():
    assert connected_clusters(["a", "b"], ["b", "c"]).n_clusters == 2


cases = st.lists(
    st.tuples(st.integers(0, 8), st.one_of(st.none(), st.integers(0, 8))), min_size=1, max_size=30
)


@given(cases, st.randoms(use_true_random=False))
def test_the_partition_does_not_depend_on_the_order(drawn, shuffler):
    order = list(range(len(drawn)))
    shuffler.shuffle(order)
    first = connected_clusters([given for given, _ in drawn], [group for _, group in drawn])
    second = connected_clusters([drawn[at][0] for at in order], [drawn[at][1] for at in order])
    back = np.empty(len(drawn), dtype=int)
    back[order] = second.codes
    assert partition(first.codes) == partition(back)
    assert first.n_clusters == second.n_clusters


@given(cases)
def test_it_is_the_finest_partition_that_keeps_equal_things_together(drawn):
    """Against scipy's connected components of the graph of cases."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    linked = [
        (one, other)
        for one, (a, x) in enumerate(drawn)
        for other, (b, y) in enumerate(drawn)
        if a == b or (x is not None and x == y)
    ]
    rows, columns = zip(*linked, strict=True)
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(drawn), len(drawn)))
    found = connected_clusters([given for given, _ in drawn], [group for _, group in drawn])
    assert partition(found.codes) == partition(connected_components(graph, directed=False)[1])


def test_impossible_input_is_refused():
    with pytest.raises(ValueError, match="no case"):
        connected_clusters([])
    with pytest.raises(ValueError, match="one entry for each case"):
        connected_clusters(["a"], ["x", "y"])
