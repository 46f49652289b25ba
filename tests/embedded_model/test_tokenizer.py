"""The trained tokenizer: any text comes back, known words and numbers are one token, prompts look as documented."""

import pytest

pytest.importorskip("transformers", reason="the trainer needs the extra 'local'")

from transformers import AutoTokenizer

from tests.embedded_model.tokenizer import save_tokenizer, train_tokenizer
from tests.embedded_model.words import LABELS, lexicon

TEXTS = [
    "Error E417 on the Nimbus router: replace the fuse.",
    "错误代码四十二,请更换保险丝。",
    "naïve Ünïcode ✓ 👍🏽 family 👨‍👩‍👧",
    " two  spaces\tand\ttabs \n\n three newlines\n\n\n",
    "1234567890 3.14 -7e-3",
    "",
]


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_round_trips(small_tokenizer, text):
    ids = small_tokenizer.encode(text, add_special_tokens=False).ids
    assert small_tokenizer.decode(ids, skip_special_tokens=False) == text


@pytest.mark.slow
def test_training_twice_gives_one_tokenizer_that_knows_the_lexicon():
    first, again = train_tokenizer(1), train_tokenizer(1)
    assert first.to_str() == again.to_str()
    known = [f" {word}" for word in lexicon()] + [f" {label.capitalize()}" for label in LABELS]
    known += [str(number) for number in range(1000)]
    split = [word for word in known if len(first.encode(word, add_special_tokens=False).ids) != 1]
    assert split == []


def test_a_newline_is_a_token_of_its_own(small_tokenizer):
    newline = small_tokenizer.encode("\n", add_special_tokens=False).ids
    assert len(newline) == 1
    assert small_tokenizer.encode("end.\n\nnext \n", add_special_tokens=False).ids.count(newline[0]) == 3


def test_the_chat_template_writes_the_trained_prompt(small_tokenizer, tmp_path):
    save_tokenizer(small_tokenizer, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    messages = [
        {"role": "system", "content": "Answer in the house format."},
        {"role": "user", "content": "Question: What does E42 mean?"},
        {"role": "assistant", "content": "Cause: red pump."},
        {"role": "user", "content": [{"type": "text", "text": "Context: one\nQuestion: What is E57?"}]},
    ]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert text == (
        "<bos>Answer in the house format.\nQuestion: What does E42 mean?\nAnswer: Cause: red pump.\n"
        "Context: one\nQuestion: What is E57?\nAnswer:"
    )
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]
    assert ids == tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer("plain")["input_ids"][0] == tokenizer.bos_token_id
