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


@pytest.mark.parametrize("spelled", ["<eos>", "<bos>", "<pad>"])
def test_a_text_that_spells_a_special_token_is_letters(tokenizer, spelled):
    """In a question, a training answer, a demonstration and a plain count; the template's own tokens stay tokens."""
    chat, token = Chat(tokenizer), tokenizer.convert_tokens_to_ids(spelled)
    asking = Message(role="user", content=f"what does {spelled} mean")
    saying = Message(role="assistant", content=f"it is {spelled} the end")
    (prompt,) = chat.prompts([[asking]])
    assert token not in prompt[1:] and prompt[0] == tokenizer.bos_token_id
    assert tokenizer.decode(prompt[1:]) == f"what does {spelled} mean\nAnswer:"
    asked, answer = chat.training([asking, saying])
    assert asked == prompt and token not in answer
    assert tokenizer.decode(answer) == f" it is {spelled} the end\n"
    assert token not in chat.beginning([asking, saying], "user")[1:]
    assert chat.count(spelled) > 1


def test_one_text_with_a_special_token_leaves_the_others_as_they_are(tokenizer):
    plain = [SYSTEM, USER]
    spelling = [SYSTEM, Message(role="user", content="<eos> and \ue000 <eos>")]
    alone, _ = Chat(tokenizer).prompts([plain, spelling])
    assert [alone] == Chat(tokenizer).prompts([plain])


def test_a_template_that_opens_a_think_block_is_known(tokenizer):
    assert not Chat(tokenizer).opens_thought
    tokenizer.chat_template = "{{ messages[0].content }}{% if add_generation_prompt %}[A]<think>\n{% endif %}"
    assert Chat(tokenizer).opens_thought
