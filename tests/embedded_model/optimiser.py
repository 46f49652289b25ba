"""Muon: momentum whose update is replaced by the nearest orthogonal matrix."""

from collections.abc import Iterable
from concurrent.futures import Executor

import torch
from torch import Tensor


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Push all singular values towards 1; shape (..., rows, columns).

    A quintic Newton-Schulz iteration with the coefficients of Jordan et al. (2024), "Muon: an optimizer for
    hidden layers in neural networks", in bfloat16 like theirs. They trade exactness (values end in about
    0.7 to 1.2) for speed.
    """
    current = (matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)).bfloat16()
    tall = current.shape[-2] > current.shape[-1]
    if tall:
        current = current.mT
    for _ in range(steps):
        gram = current @ current.mT
        current = 3.4445 * current + (-4.7750 * gram + 2.0315 * (gram @ gram)) @ current
    return (current.mT if tall else current).to(matrices.dtype)


class Muon:
    """For stacks of matrices; embeddings and norms need another optimiser.

    Args:
        parameters: Each of shape (..., rows, columns).
        rate: Learning rate; may be changed between steps.
        momentum: Share of the running mean that stays at each step.
    """

    def __init__(self, parameters: Iterable[Tensor], rate: float, momentum: float = 0.95) -> None:
        self.parameters = list(parameters)
        self.rate = rate
        self.momentum = momentum
        self._means = [torch.zeros_like(parameter) for parameter in self.parameters]

    def step(self, pool: Executor) -> None:
        """Update from `.grad`, one task per parameter; the update is Nesterov's, and tall matrices move further."""
        list(pool.map(self._update, self.parameters, self._means))

    def _update(self, parameter: Tensor, mean: Tensor) -> None:
        gradient = parameter.grad
        if gradient is None:
            return
        with torch.no_grad():
            mean.lerp_(gradient, 1 - self.momentum)
            rows, columns = parameter.shape[-2:]
            stack = gradient.lerp(mean, self.momentum).reshape(-1, rows, columns)
            scale = self.rate * max(1.0, rows / columns) ** 0.5
            parameter.add_(orthogonalise(stack).view_as(parameter), alpha=-scale)
