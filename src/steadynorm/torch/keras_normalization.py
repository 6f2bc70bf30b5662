"""A batch of a Keras model on PyTorch, normalized by the means of this package's layers for PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from steadynorm.torch.batch_moments import batch_moments, is_best_by_kernel
from steadynorm.torch.blocks import dense, grouped
from steadynorm.torch.gradient import Terms
from steadynorm.torch.normalization import normalize


class Batch:
    """A batch in groups of neighbours, each of which is normalized by itself.

    Args:
        x: float32 or float64, of any rank, the samples on axis 0.
        axis: of the channels.
        groups: how many; they divide the batch.
        weights: of the values, with as many axes as `x` and one channel; None for equal ones.
    """

    def __init__(self, x: Tensor, axis: int, groups: int, weights: Tensor | None) -> None:
        self.axis, self.groups = axis, groups
        self.x = dense(x.movedim(axis, 1))
        self.weights = None
        if weights is not None:
            whole = weights.movedim(axis, 1).expand(x.shape[0], *[-1] * (x.dim() - 1))
            self.weights = grouped(whole.contiguous(), groups)

    @torch.no_grad()
    def moments(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return mean and biased variance (G, C) of the groups, and their weights (G, 1) if the values have weights."""
        x = grouped(self.x.detach(), self.groups)
        if self.weights is not None:
            x = torch.where(self.weights > 0, x, 0.0)  # what counts nothing is left out, whatever its value
        mean, variance, weight = batch_moments(x, self.weights)
        if not isinstance(weight, Tensor) and self.weights is not None:
            weight = mean.new_full((self.groups, 1), weight)
        return mean, variance, weight if isinstance(weight, Tensor) else None

    def normalized(
        self, moments: tuple[Tensor, Tensor, Tensor | None], gamma: Tensor | None, beta: Tensor | None, epsilon: float
    ) -> Tensor:
        """Return the batch normalized by the moments of its groups, with the gradient through those that have a weight.

        Args:
            moments: as `moments` gives them; what a group without any weight is normalized by in its place.
            gamma: (C,); None for ones.
            beta: (C,); None for zeros.
            epsilon: added to the variance.
        """
        mean, variance, weight = moments
        if self.groups == 1 and weight is None and is_best_by_kernel(self.x[None]):
            y = functional.batch_norm(self.x, None, None, gamma, beta, True, 0.0, epsilon)
            return y.movedim(1, self.axis)
        if weight is None:
            per_weight = mean.new_full((self.groups, 1), self.groups * mean.shape[1] / self.x.numel())
        else:
            per_weight = torch.where(weight > 0, weight.reciprocal(), 0.0)
        inverse = torch.rsqrt(variance + epsilon)
        terms = Terms(mean, inverse, per_weight, None, None, self.weights, epsilon)
        gamma = torch.ones_like(mean[0]) if gamma is None else gamma
        beta = torch.zeros_like(mean[0]) if beta is None else beta
        return normalize(self.x, gamma, beta, terms).movedim(1, self.axis)
