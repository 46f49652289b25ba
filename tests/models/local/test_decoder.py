"""Both decoders compute what the plain model computes, token by token."""

from dataclasses import replace

import pytest
import torch
import transformers

from evalkit.models.engine.cache_decoder import CacheDecoder
from evalkit.models.engine.decoder import SharedPrefixDecoder, open_decoder
from evalkit.models.engine.rows import Head
from evalkit.models.engine.shared_prefix import Prefix, attend

PREFIX = [5, 9, 14, 22, 31, 8, 40]
ROWS = [[7, 12, 19], [33], [21, 4, 6, 18, 25]]
STEPS = [[11, 13, 17], [23, 29, 37], [41, 43, 47]]


def plain_scores(model, tokens):
    """Scores after ``tokens`` from one run without cache, padding or our attention."""
    with torch.inference_mode():
        return model(torch.tensor([tokens])).logits[0, -1]


def load(folder):
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


GPT2 = {"n_embd": 32, "n_head": 4, "n_layer": 2}
BLOOM = {"hidden_size": 32, "n_head": 4, "n_layer": 2}


@pytest.mark.parametrize("prefix", [[], PREFIX], ids=["no prefix", "prefix"])
@pytest.mark.parametrize(
    ("kind", "decoder", "config"),
    [
        ("llama", SharedPrefixDecoder, {}),
        ("qwen2", SharedPrefixDecoder, {}),
        ("qwen3", SharedPrefixDecoder, {"num_key_value_heads": 4}),
        ("mistral", SharedPrefixDecoder, {"sliding_window": None}),
        ("mistral", CacheDecoder, {"sliding_window": 4}),
        ("gemma3_text", CacheDecoder, {"sliding_window": 4}),
        ("gpt2", CacheDecoder, GPT2),
    ],
)
def test_scores_equal_the_plain_models_at_every_step(tmp_path, tiny, kind, decoder, config, prefix):
    """Rows of different lengths behind a prefix, three steps, one row dropped on the way."""
    folder = tiny(tmp_path, kind, **config)
    plain = load(folder)
    opened = open_decoder(load(folder))
    assert isinstance(opened, decoder)
    rows = [list(row) for row in ROWS]
    if not opened.shares_prefixes:
        assert "sliding_window" in config
        rows, prefix = [[*prefix, *row] for row in rows], []
    with torch.inference_mode():
        start = opened.prefill(prefix)
        start.rows([[3]], 1)  # a batch before this one leaves no trace in the prefix
        batch = start.rows(rows, room=3)
        kept = [0, 1, 2]
        for number, tokens in enumerate(STEPS):
            expected = torch.stack([plain_scores(plain, [*prefix, *rows[index]]) for index in kept])
            torch.testing.assert_close(batch.logits, expected, atol=2e-4, rtol=1e-4)
            if number == 1:
                kept = [0, 2]
                batch.keep(torch.tensor(kept))
            for index in kept:
                rows[index].append(tokens[index])
            batch.step(torch.tensor([tokens[index] for index in kept]))


HEADS = {
    "two levels": [Head(4, (50, 51, 52)), Head(4, (50, 51, 52)), Head(6, (60,)), Head(7), Head(0, (70, 71))],
    "one level": [Head(4), Head(0), Head(7), Head(4), Head(2)],
}


@pytest.mark.parametrize("heads", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize(
    ("kind", "config"),
    [("llama", {}), ("qwen3", {"num_key_value_heads": 4}), ("gpt2", GPT2), ("bloom", BLOOM)],
)
def test_rows_that_leave_the_prefix_early_equal_the_plain_model(tmp_path, tiny, kind, config, heads):
    """Behind different lengths of the prefix, some with tokens that they share, and with rows dropped on the way."""
    folder = tiny(tmp_path, kind, **config)
    plain = load(folder)
    rows = [[7, 12, 19], [33], [21, 4, 6, 18, 25], [9], [11, 13]]
    whole = [[*PREFIX[: head.seen], *head.tokens, *row] for head, row in zip(heads, rows, strict=True)]
    with torch.inference_mode():
        batch = open_decoder(load(folder)).prefill(PREFIX).rows(rows, room=2, heads=heads)
        for kept in ([0, 1, 2, 3, 4], [0, 2, 4]):
            if len(kept) < len(rows):
                batch.keep(torch.tensor(kept))
            expected = torch.stack([plain_scores(plain, whole[index]) for index in kept])
            torch.testing.assert_close(batch.logits, expected, atol=2e-4, rtol=1e-4)
            for index in kept:
                whole[index].append(40 + index)
            batch.step(torch.tensor([40 + index for index in kept]))


def test_one_row_behind_part_of_a_prefix_equals_the_plain_model(tiny_llama):
    plain = load(tiny_llama)
    with torch.inference_mode():
        start = open_decoder(load(tiny_llama)).prefill(PREFIX)
        batch = start.rows([ROWS[2]], room=1, heads=[Head(4, (50, 51))])
        expected = plain_scores(plain, [*PREFIX[:4], 50, 51, *ROWS[2]])
        torch.testing.assert_close(batch.logits[0], expected, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize(("kind", "config"), [("llama", {}), ("gpt2", GPT2)])
def test_scores_are_computed_for_the_last_position_alone(tmp_path, tiny, kind, config):
    """Of the prefix, of what rows share behind it, of the rows and of a step."""
    model = load(tiny(tmp_path, kind, **config))
    shapes = []
    model.get_output_embeddings().register_forward_hook(
        lambda head, given, out: shapes.append(out.shape[:-1])
    )
    with torch.inference_mode():
        heads = HEADS["two levels"]
        batch = open_decoder(model).prefill(PREFIX).rows([[7, 12]] * len(heads), room=1, heads=heads)
        batch.step(torch.tensor([11] * len(heads)))
    assert len(shapes) >= 4
    assert {positions for _, positions in shapes} == {1}


def test_one_row_alone_equals_the_plain_model(tiny_llama):
    plain = load(tiny_llama)
    with torch.inference_mode():
        batch = open_decoder(load(tiny_llama)).prefill(PREFIX).rows([ROWS[2]], room=2)
        torch.testing.assert_close(
            batch.logits[0], plain_scores(plain, PREFIX + ROWS[2]), atol=2e-4, rtol=1e-4
        )
        batch.step(torch.tensor([11]))
    expected = plain_scores(plain, [*PREFIX, *ROWS[2], 11])
    torch.testing.assert_close(batch.logits[0], expected, atol=2e-4, rtol=1e-4)


def test_attention_in_blocks_equals_attention_at_once():
    """A long question is attended to in blocks of queries; the block size changes nothing."""
    torch.manual_seed(0)
    rows, heads, key_heads, new, prefix, size = 3, 4, 2, 7, 11, 8
    query = torch.randn(rows, heads, new, size)
    key, value = (torch.randn(rows, key_heads, new, size) for _ in range(2))
    shared = Prefix((torch.randn(key_heads, prefix, size),), (torch.randn(key_heads, prefix, size),))
    mask = torch.ones(1, 1, new, new, dtype=torch.bool).tril()
    module = torch.nn.Module()
    module.layer_idx = 0
    whole, _ = attend(module, query, key, value, mask, size**-0.5, shared_prefix=shared)
    in_blocks = replace(shared, score_elements=600)
    blocks, _ = attend(module, query, key, value, mask, size**-0.5, shared_prefix=in_blocks)
    torch.testing.assert_close(blocks, whole)

    keys = torch.cat((shared.keys[0].expand(rows, -1, -1, -1), key), dim=2).repeat_interleave(2, dim=1)
    values = torch.cat((shared.values[0].expand(rows, -1, -1, -1), value), dim=2).repeat_interleave(2, dim=1)
    seen = torch.cat((torch.ones(new, prefix, dtype=torch.bool), mask[0, 0]), dim=1)
    reference = torch.nn.functional.scaled_dot_product_attention(query, keys, values, seen)
    torch.testing.assert_close(whole, reference.transpose(1, 2))
