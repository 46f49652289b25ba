"""The training loop: step-based and seeded, so that one seed gives one set of weights.

Each batch is cut in two, and two threads work on a half each with one core. Letting torch spread every
operation over two cores instead costs a third more on an idle machine, and several times more on a busy
one, because each operation then waits for the slower core.
"""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from tests.embedded_model.answers import Role
from tests.embedded_model.initialisation import Part, structure, token_features
from tests.embedded_model.network import Network, Shape
from tests.embedded_model.optimiser import Muon
from tests.embedded_model.stream import stream

THREADS = 2
"""Part of the recipe: the order in which gradients are summed depends on it."""

# Weight of one token in the loss, by role. The first token of a value decides which passage is read.
_WEIGHTS = {
    Role.CONTEXT: 0.0,
    Role.LITERAL: 0.8,
    Role.VALUE: 2.0,
    Role.VALUE_REST: 1.0,
    Role.UNKNOWABLE: 0.03,
}


@dataclass(frozen=True)
class Recipe:
    """The constants of a run."""

    steps: int
    seed: int = 0
    matrix_rate: float = 0.01
    """Muon's learning rate."""
    vector_rate: float = 0.002
    """AdamW's, for embeddings and norms."""
    warm_up: int = 60
    flat: float = 0.4
    """Share of the steps before the rates begin to fall."""
    floor: float = 0.02
    """What the rates fall to, as a share of their height."""
    shape: Shape = field(default_factory=Shape)

    def height(self, step: int) -> float:
        """Learning rate at a step as a share of its height: linear rise, flat, then a cosine fall."""
        share = step / self.steps
        if share < self.flat:
            return min(1.0, (step + 1) / self.warm_up)
        fall = 0.5 * (1 + math.cos(math.pi * (share - self.flat) / (1 - self.flat)))
        return self.floor + (1 - self.floor) * fall


@dataclass(frozen=True)
class Progress:
    """Teacher-forced accuracy since the last report, on data never seen before."""

    step: int
    tokens: int
    seconds: float
    loss: float
    accuracy: dict[str, float]

    def line(self) -> str:
        parts = " ".join(f"{name} {share:.3f}" for name, share in sorted(self.accuracy.items()))
        return (
            f"step {self.step} tokens {self.tokens / 1e6:.2f}M seconds {self.seconds:.0f} "
            f"({self.tokens / self.seconds:.0f}/s) loss {self.loss:.3f} {parts}"
        )


def new_network(recipe: Recipe, tokenizer: Tokenizer, without: Collection[Part] = ()) -> Network:
    """The structured starting weights of a recipe, without the parts an ablation leaves out."""
    generator = torch.Generator().manual_seed(recipe.seed)
    network = Network(recipe.shape, generator)
    structure(network, token_features(tokenizer), generator, without=without)
    return network


def pretrain(
    network: Network,
    tokenizer: Tokenizer,
    recipe: Recipe,
    *,
    report: Callable[[Progress], None] = lambda progress: None,
    checkpoint: Callable[[int, Network], None] = lambda step, network: None,
    stop: int | None = None,
) -> None:
    """Train in place. Sets torch to one thread per operation while it runs.

    Args:
        network: Changed in place; left in float32 precision.
        tokenizer: The one the network's vocabulary belongs to.
        recipe: Constants of the run.
        report: Called every 50 steps.
        checkpoint: Called every 1000 steps and at the end.
        stop: End before this step, with the schedule of the whole run. For trials and tests.
    """
    operation_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    network.low_precision = True
    vectors = torch.optim.AdamW(
        [network.embedding, network.norms],
        lr=recipe.vector_rate,
        betas=(0.9, 0.98),
        weight_decay=0.0,
        fused=True,
    )
    matrices = Muon([network.attention, network.gate_up, network.down], recipe.matrix_rate)
    twins = [network.twin() for _ in range(THREADS)]
    tally = _Tally()
    tokens, step, started = 0, 0, time.perf_counter()
    end = recipe.steps if stop is None else min(stop, recipe.steps)
    with ThreadPoolExecutor(THREADS) as pool:
        for batches in stream(tokenizer, recipe.seed, end):
            ids, roles = torch.from_numpy(batches.ids), torch.from_numpy(batches.roles).long()
            for first in range(0, len(ids), batches.rows):
                rows = slice(first, first + batches.rows)
                height = recipe.height(step)
                vectors.param_groups[0]["lr"] = recipe.vector_rate * height
                matrices.rate = recipe.matrix_rate * height
                loss, hits = _gradients(network, twins, pool, ids[rows], roles[rows])
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                vectors.step()
                matrices.step(pool)
                if step % 5 == 0:
                    tally.count(batches.tallies[rows], roles[rows, 1:], hits)
                step += 1
                tokens += ids[rows, 1:].numel()
                if step % 50 == 0:
                    report(Progress(step, tokens, time.perf_counter() - started, loss, tally.take()))
                if step % 1000 == 0 or step == end:
                    checkpoint(step, network)
                if step == end:
                    break
    network.low_precision = False
    torch.set_num_threads(operation_threads)


def _gradients(
    network: Network, twins: Sequence[Network], pool: Executor, ids: Tensor, roles: Tensor
) -> tuple[float, Tensor]:
    """Set the gradients of the batch's loss.

    Returns:
        The loss, and where the most likely token was the right one: shape (rows, tokens), False where
        nothing was scored.
    """
    token_weights = torch.tensor([_WEIGHTS[role] for role in Role])[roles[:, 1:]]
    total = token_weights.sum()

    def work(part: int) -> tuple[Tensor, Tensor]:
        mine, scored = ids[part::THREADS], token_weights[part::THREADS] > 0
        targets = mine[:, 1:][scored]
        logits = twins[part].logits(twins[part].hidden(mine[:, :-1])[scored])
        losses = functional.cross_entropy(logits, targets, reduction="none")
        loss = (losses * token_weights[part::THREADS][scored]).sum() / total
        loss.backward()
        hits = torch.zeros_like(scored)
        hits[scored] = logits.argmax(-1) == targets
        return loss.detach(), hits

    parts = list(pool.map(work, range(THREADS)))
    for name, weight in network.weights().items():
        grads = [twin.weights()[name].grad for twin in twins]
        weight.grad = sum(grad for grad in grads if grad is not None)
        for twin in twins:
            twin.weights()[name].grad = None
    hits = torch.zeros(roles[:, 1:].shape, dtype=torch.bool)
    for part, (_, right) in enumerate(parts):
        hits[part::THREADS] = right
    return sum(float(loss) for loss, _ in parts), hits


class _Tally:
    """Counts of right tokens: first value tokens by episode, the rest by role."""

    def __init__(self) -> None:
        self._right: dict[str, int] = defaultdict(int)
        self._all: dict[str, int] = defaultdict(int)

    def count(self, names: list[str], kinds: Tensor, hits: Tensor) -> None:
        for role, name in ((Role.LITERAL, "literal"), (Role.VALUE_REST, "rest")):
            self._add(name, kinds == role, hits)
        for row, name in enumerate(names):
            self._add(name, kinds[row] == Role.VALUE, hits[row])

    def _add(self, name: str, where: Tensor, hits: Tensor) -> None:
        self._right[name] += int(hits[where].sum())
        self._all[name] += int(where.sum())

    def take(self) -> dict[str, float]:
        """The shares since the last call."""
        shares = {name: self._right[name] / count for name, count in self._all.items() if count}
        self._right.clear()
        self._all.clear()
        return shares
