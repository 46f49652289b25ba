"""From messages to tokens."""

import pytest
import transformers

from evalkit.errors import InputError, TuningError
from evalkit.models.embedded.model import weights_folder
from evalkit.models.engine.chat import PLAIN_TEMPLATE, Chat
from evalkit.records.case import Message

SYSTEM = Message(role="system", content="Be brief.")
USER = Message(role="user", content="Question: What is E14?")
ANSWER = Message(role="assistant", content="Cause: worn belt.")


@pytest.fixture
def tokenizer():
    return transformers.AutoTokenizer.from_pretrained(weights_folder())


def test_the_answer_ends_with_the_newline_that_ends_it(tokenizer):
    """Training tokens are the prompt as it is asked, then the answer with its end: nothing else."""
    prompt, answer = Chat(tokenizer).training([SYSTEM, USER, ANSWER])
    assert prompt == Chat(tokenizer).prompts([[SYSTEM, USER]])[0]
    assert tokenizer.decode(answer) == " Cause: worn belt.\n"
    assert tokenizer.decode(prompt) == "<bos>Be brief.\nQuestion: What is E14?\nAnswer:"


def test_the_beginning_is_what_stands_before_the_last_content(tokenizer):
    chat = Chat(tokenizer)
    beginning = chat.beginning([SYSTEM, USER, ANSWER], "user")
    (whole,) = chat.prompts([[SYSTEM, USER, ANSWER, Message(role="user", content="Question: And F20?")]])
    assert whole[: len(beginning)] == beginning
    assert tokenizer.decode(beginning).endswith("Cause: worn belt.\n")


def test_a_tokenizer_without_template_gets_a_plain_one(tokenizer):
    with_template = Chat(tokenizer).prompts([[SYSTEM, USER]])
    tokenizer.chat_template = None
    assert Chat(tokenizer).prompts([[SYSTEM, USER]]) == with_template
    assert "Answer:" in PLAIN_TEMPLATE


def test_a_template_that_refuses_a_role_is_an_input_error(tokenizer):
    tokenizer.chat_template = "{{ raise_exception('System role not supported') }}"
    with pytest.raises(
        InputError, match=r"roles system, user.*System role not supported.*Move the system text"
    ):
        Chat(tokenizer).prompts([[SYSTEM, USER]])


def test_a_template_that_rewrites_the_prompt_cannot_be_trained_with(tokenizer):
    """Some templates drop an empty thought from finished turns: the loss would fall on the wrong tokens."""
    tokenizer.chat_template = (
        "{% for message in messages %}{{ message.content }}{% endfor %}"
        "{% if add_generation_prompt %}<think></think>{% endif %}"
    )
    with pytest.raises(TuningError, match="chat template"):
        Chat(tokenizer).training([USER, ANSWER])
