"""The trainer's network and loop: the same function as transformers' Llama, and the same weights for one seed."""

import dataclasses

import pytest

pytest.importorskip("torch", reason="the trainer needs the extra 'local'")
pytest.importorskip("transformers", reason="the trainer needs the extra 'local'")

import torch

from tests.embedded_model.initialisation import Part, token_features
from tests.embedded_model.network import Network, Shape, to_transformers
from tests.embedded_model.optimiser import orthogonalise
from tests.embedded_model.train import Recipe, new_network, pretrain


@pytest.fixture
def recipe(small_tokenizer):
    shape = Shape(vocabulary=small_tokenizer.get_vocab_size(), layers=3, inner=64)
    return Recipe(steps=3, seed=11, warm_up=2, shape=shape)


def test_logits_equal_those_of_transformers(small_tokenizer, recipe):
    network = new_network(recipe, small_tokenizer)
    ids = torch.randint(3, recipe.shape.vocabulary, (2, 50), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours = network.logits(network.hidden(ids))
        theirs = to_transformers(network)(input_ids=ids).logits
    assert (ours - theirs).abs().max() < 1e-4


def test_random_weights_agree_with_transformers_as_well():
    network = Network(Shape(vocabulary=64, layers=2, inner=32), torch.Generator().manual_seed(1))
    ids = torch.arange(60)[None] % 64
    with torch.no_grad():
        ours = network.logits(network.hidden(ids))
        theirs = to_transformers(network)(input_ids=ids).logits
    assert (ours - theirs).abs().max() < 1e-4


@pytest.mark.parametrize("part", Part)
def test_each_part_of_the_start_can_be_left_out(small_tokenizer, recipe, part):
    whole = new_network(recipe, small_tokenizer).weights()
    without = new_network(recipe, small_tokenizer, {part}).weights()
    assert any(not torch.equal(whole[name], without[name]) for name in whole)


@pytest.mark.slow
def test_three_steps_from_one_seed_give_equal_weights(small_tokenizer, recipe):
    networks = []
    for _ in range(2):
        network = new_network(recipe, small_tokenizer)
        pretrain(network, small_tokenizer, recipe)
        networks.append(network.weights())
    start = new_network(recipe, small_tokenizer).weights()
    for name, weight in networks[0].items():
        assert torch.equal(weight, networks[1][name]), name
        assert not torch.equal(weight, start[name]), name


def test_the_rates_rise_then_stay_then_fall(recipe):
    schedule = dataclasses.replace(recipe, steps=1000, warm_up=50, flat=0.5, floor=0.1)
    heights = [schedule.height(step) for step in range(1000)]
    assert heights[0] == pytest.approx(1 / 50)
    assert set(heights[49:500]) == {1.0}
    assert heights[999] == pytest.approx(0.1, abs=1e-4)
    assert heights[500:] == sorted(heights[500:], reverse=True)


def test_orthogonalising_brings_all_singular_values_near_one():
    matrices = torch.randn(2, 20, 50, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrices))
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_numbers_are_key_like_and_words_are_not(small_tokenizer):
    features = token_features(small_tokenizer)

    def index(text):
        (only,) = small_tokenizer.encode(text, add_special_tokens=False).ids
        return only

    assert features.keyness[index("42")] == 1
    assert features.keyness[index(" fuse")] == 0
    assert features.base[index(" Cause")] == index(" cause")
