"""Think blocks are set aside; tags inside an answer are text."""

from __future__ import annotations

import pytest

from evalkit.text.thoughts import ends_in_thought, split_thoughts


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("4", None, "4"),
        ("<think>\n\n</think>\n\nalpha red", "<think>\n\n</think>", "alpha red"),
        ("<think>2 + 2 = 5? No.</think>4", "<think>2 + 2 = 5? No.</think>", "4"),
        ("<think>a</think>\n<think>b</think>\n4", "<think>a</think>\n<think>b</think>", "4"),
        ("<thinking>a</thinking>\n4", "<thinking>a</thinking>", "4"),
        ("<think>never ends", "<think>never ends", ""),
        ("<think>a <think>b</think> c</think>4", "<think>a <think>b</think> c</think>", "4"),
        ("<think>of <think>, a tag</think>4", "<think>of <think>, a tag</think>", "4"),
        ("[THINK]a[/THINK]4", "[THINK]a[/THINK]", "4"),
        ("<thought>a</thought>\n4", "<thought>a</thought>", "4"),
        ("◁think▷a◁/think▷4", "◁think▷a◁/think▷", "4"),
        # A server whose template opened the block in the prompt.
        ("Two and two.\n</think>\n\n4", "Two and two.\n</think>", "4"),
        ("Write <think> and </think> around it.", None, "Write <think> and </think> around it."),
        ("The tag is:\n<think>\nx\n</think>\n", None, "The tag is:\n<think>\nx\n</think>\n"),
        ("", None, ""),
    ],
)
def test_the_answer_is_what_stands_behind_the_blocks(text, reasoning, answer):
    assert split_thoughts(text) == (reasoning, answer)


def test_a_prompt_that_opens_a_block_ends_inside_it():
    assert ends_in_thought("[assistant]<think>\n")
    assert not ends_in_thought("[assistant]<think>\n\n</think>\n\n")
