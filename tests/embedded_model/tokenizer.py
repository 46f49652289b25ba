"""Trains the tokenizer: byte-level BPE whose whole lexicon and all numbers up to three digits are single tokens."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from tests.embedded_model.windows import CURRICULUM, draw_episode
from tests.embedded_model.words import LABELS, lexicon, made_up_word

VOCABULARY: Final = 4096
PAD, BOS, EOS = "<pad>", "<bos>", "<eos>"
MAX_TOKENS: Final = 512

# A newline is always a token of its own, because it ends an answer. Digits never join letters, so the
# number of a code such as E42 is one token whatever stands around it.
_SPLIT = r"\n| ?[A-Za-z]+|\d{1,3}| ?[^\sA-Za-z\d]+|[^\S\n]+(?!\S)|[^\S\n]+"

# Three rules: a system text is followed by a newline, a user's text by the cue "Answer:", an answer by the
# newline that ends it. Content may be a string or a list of text parts, as OpenAI's API allows.
CHAT_TEMPLATE: Final = """\
{%- macro text(content) -%}
{%- if content is string -%}{{ content }}{%- else -%}
{%- for part in content -%}{%- if part.type == 'text' -%}{{ part.text }}{%- endif -%}{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
{{- bos_token -}}
{%- for message in messages -%}
{%- if message.role in ('system', 'developer') -%}{{ text(message.content) + '\\n' }}
{%- elif message.role == 'user' -%}{{ text(message.content) + '\\nAnswer:' }}
{%- else -%}{{ ' ' + text(message.content) + '\\n' }}
{%- endif -%}
{%- endfor -%}
"""


def train_tokenizer(seed: int, windows: int = 12_000) -> Tokenizer:
    """A tokenizer trained on generated windows and word lists; equal arguments give equal files."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(seed, windows), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    return tokenizer


def _corpus(seed: int, windows: int) -> Iterator[str]:
    rng = random.Random(seed)
    final = CURRICULUM[-1]
    settings = replace(final.settings, rare=0.2, tokens=192)
    for _ in range(windows):
        yield "".join(segment.text for segment in draw_episode(rng, settings, final.mix).segments)
    # The repetitions outweigh any merge that the windows alone would prefer.
    for word in lexicon():
        yield (
            f" {word}" * 400 + f"\n{word}" * 40 + f" {word.capitalize()}" * 60 + f"\n{word.capitalize()}" * 60
        )
    for label in LABELS:
        yield f" {label.upper()}" * 400 + f" {label.capitalize()}" * 400
    for number in range(1000):
        yield f"{number} " * 300
    # Pieces of words that nobody listed: syllables, not letters.
    for _ in range(windows):
        word = made_up_word(rng)
        yield f" {word} {word.capitalize()}"


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write the files that transformers' AutoTokenizer reads, with the chat template."""
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        padding_side="left",
        model_max_length=MAX_TOKENS,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )
    fast.save_pretrained(folder)
