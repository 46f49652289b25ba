"""A LoRA trial: can an adapter teach the model facts that no prompt shows it?"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch.nn import functional

from tests.embedded_model.evaluation import Question

_IGNORED = -100


@dataclass(frozen=True)
class AdapterRecipe:
    """Settings of a trial; `alpha` is twice the rank."""

    steps: int = 600
    rank: int = 16
    rate: float = 4e-3
    batch: int = 32
    warm_up: int = 20
    seed: int = 0


def tune(model: Any, tokenizer: Any, pairs: Sequence[Question], recipe: AdapterRecipe) -> tuple[Any, float]:
    """Train an adapter on the pairs and merge it.

    Returns:
        The merged model and the mean loss of the last ten steps. The given model is changed too.
    """
    torch.manual_seed(recipe.seed)
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=2 * recipe.rank,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    tuned = get_peft_model(model, config)
    tuned.train()
    weights = [weight for weight in tuned.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.0)
    rows = [_row(tokenizer, pair) for pair in pairs]
    rng = random.Random(recipe.seed)
    queue: list[int] = []
    losses: list[float] = []
    llama = tuned.base_model.model
    for step in range(recipe.steps):
        height = min(1.0, (step + 1) / recipe.warm_up) * (1 - 0.95 * step / recipe.steps)
        optimiser.param_groups[0]["lr"] = recipe.rate * height
        if len(queue) < recipe.batch:
            queue += rng.sample(range(len(rows)), len(rows))
        chosen, queue = queue[: recipe.batch], queue[recipe.batch :]
        ids, targets = _padded([rows[index] for index in chosen])
        hidden = llama.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
        scored = targets[:, 1:] != _IGNORED
        loss = functional.cross_entropy(llama.lm_head(hidden[scored]), targets[:, 1:][scored])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        losses.append(float(loss.detach()))
    merged = tuned.merge_and_unload()
    merged.eval()
    return merged, sum(losses[-10:]) / len(losses[-10:])


def _row(tokenizer: Any, pair: Question) -> tuple[list[int], int]:
    """Token ids of prompt and answer, and where the answer starts."""
    asked = tokenizer.apply_chat_template(pair.conversation, add_generation_prompt=True, tokenize=False)
    prompt = tokenizer(asked, add_special_tokens=False)["input_ids"]
    return prompt + tokenizer(f" {pair.reference}\n", add_special_tokens=False)["input_ids"], len(prompt)


def _padded(rows: Sequence[tuple[list[int], int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Right-padded ids and targets, shape (rows, longest); no mask is needed, since attention is causal."""
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    targets = torch.full((len(rows), longest), _IGNORED)
    for index, (row, start) in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        targets[index, start : len(row)] = torch.tensor(row[start:])
    return ids, targets
