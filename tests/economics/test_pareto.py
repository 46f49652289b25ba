"""The Pareto front."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalkit.economics.pareto import ParetoPoint, pareto_front


def test_an_arm_worse_in_everything_is_not_on_the_front():
    worse, better = pareto_front([ParetoPoint("a", 0.6, 0.02), ParetoPoint("b", 0.7, 0.01)])
    assert (worse.on_front, worse.dominated_by) == (False, ("b",))
    assert better.on_front


def test_equal_arms_are_both_on_the_front():
    assert all(standing.on_front for standing in pareto_front([ParetoPoint(name, 0.5, 1.0) for name in "ab"]))


def test_lower_latency_keeps_a_dearer_arm_on_the_front():
    slow, fast = pareto_front([ParetoPoint("slow", 0.7, 0.01, 2.0), ParetoPoint("fast", 0.7, 0.02, 0.5)])
    assert slow.on_front
    assert fast.on_front


def test_latency_counts_only_where_both_have_one():
    _, dear = pareto_front([ParetoPoint("cheap", 0.7, 0.01), ParetoPoint("dear", 0.7, 0.02, 0.5)])
    assert dear.dominated_by == ("cheap",)


def test_an_arm_of_unknown_cost_has_no_place_and_displaces_nobody():
    unknown, known = pareto_front([ParetoPoint("unknown", 1.0, None), ParetoPoint("known", 0.1, 5.0)])
    assert unknown.on_front is None
    assert known.on_front


points = st.lists(
    st.builds(
        ParetoPoint,
        st.uuids().map(str),
        st.integers(0, 5),
        st.none() | st.integers(0, 5),
        st.none() | st.integers(0, 5),
    ),
    min_size=1,
    max_size=8,
)


@given(points)
def test_the_front_is_never_empty_where_a_cost_is_known(arms: list[ParetoPoint]):
    known = any(point.cost is not None for point in arms)
    assert any(standing.on_front for standing in pareto_front(arms)) == known
