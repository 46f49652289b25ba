"""Which demonstrations a case is shown."""

import pytest

from evalkit.prompts.examples import ExampleChooser
from evalkit.records.case import Case, Example

EXAMPLES = [
    Example(id=f"e{index}", input=f"question {index}", output=f"answer {index}", cluster=f"c{index // 2}")
    for index in range(20)
]


def case(name: str, cluster: str = "none", text: str = "another question") -> Case:
    return Case(id=name, input=text, cluster=cluster)


def ids(examples) -> list[str]:
    return [example.id for example in examples]


def test_fixed_takes_the_first_and_the_next_replaces_one_of_the_case_s_own_cluster():
    chooser = ExampleChooser(EXAMPLES)
    assert ids(chooser.choose(case("a"), 3)) == ["e0", "e1", "e2"]
    assert ids(chooser.choose(case("a", cluster="c0"), 3)) == ["e2", "e3", "e4"]


def test_an_example_that_asks_the_very_same_question_is_not_shown():
    """Files without clusters must not show the answer either."""
    chosen = ExampleChooser(EXAMPLES).choose(case("a", text=" Question  0"), 2)
    assert ids(chosen) == ["e1", "e2"]


def test_random_depends_on_the_case_and_the_seed_not_on_the_order_of_cases():
    first, second = (ExampleChooser(EXAMPLES, choose="random", seed=3) for _ in range(2))
    forwards = [ids(first.choose(case(str(index)), 4)) for index in range(10)]
    backwards = [ids(second.choose(case(str(index)), 4)) for index in reversed(range(10))]
    assert forwards == backwards[::-1]
    assert len({tuple(chosen) for chosen in forwards}) > 5
    other = ExampleChooser(EXAMPLES, choose="random", seed=4)
    assert ids(other.choose(case("0"), 4)) != forwards[0]


def test_random_shows_each_example_about_equally_often_and_never_twice():
    chooser = ExampleChooser(EXAMPLES, choose="random")
    seen = dict.fromkeys(ids(EXAMPLES), 0)
    for index in range(2000):
        chosen = ids(chooser.choose(case(str(index)), 5))
        assert len(set(chosen)) == 5
        for name in chosen:
            seen[name] += 1
    # Binomial(2000, 1/4): mean 500, standard deviation 19; five of them cover all 20 with room to spare.
    assert all(400 < count < 600 for count in seen.values())


@pytest.mark.parametrize("choose", ["fixed", "random", "nearest"])
def test_fewer_shots_are_a_part_of_more_shots(choose):
    """Points of a shot curve differ only in how many examples are shown."""
    chooser = ExampleChooser(EXAMPLES, choose=choose, rank=lambda text: reversed(range(20)))
    more, fewer = ids(chooser.choose(case("a"), 8)), ids(chooser.choose(case("a"), 3))
    assert fewer == (more[-3:] if choose == "nearest" else more[:3])


def test_nearest_follows_the_ranker_with_the_nearest_last_and_skips_the_own_cluster():
    chooser = ExampleChooser(EXAMPLES, choose="nearest", rank=lambda text: [7, 3, 9, *range(20)])
    assert ids(chooser.choose(case("a"), 3)) == ["e9", "e3", "e7"]
    assert ids(chooser.choose(case("a", cluster="c3"), 2)) == ["e9", "e3"]


def test_fewer_are_shown_when_no_more_are_allowed_and_none_when_none_are_asked_for():
    assert len(ExampleChooser(EXAMPLES[:3]).choose(case("a", cluster="c0"), 5)) == 1
    assert ExampleChooser(EXAMPLES).choose(case("a"), 0) == ()


def test_nearest_without_a_ranker_is_a_programming_error():
    with pytest.raises(ValueError, match="ranker"):
        ExampleChooser(EXAMPLES, choose="nearest")
