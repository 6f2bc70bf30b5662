"""Moments of what a PyTorch layer is fed, by the layer's own rule of what is averaged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.instancenorm import _InstanceNorm

from steadynorm.evidence import SampledMoments
from steadynorm.norm.moments import Moments, PopulationMoments
from steadynorm.torch.batches import tensors_of


def input_of(layer: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor | None:
    """What a call of the layer normalizes, as (samples, channels, ...); `None` where it got no tensor.

    Instance normalization may be given one sample without the axis of samples, and a hand-written layer may keep its
    channels on the last axis.
    """
    x = next(tensors_of([args, kwargs]), None)
    if x is None:
        return None
    if isinstance(layer, _InstanceNorm):
        unbatched: int = layer._get_no_batch_dim()  # type: ignore[no-untyped-call]
        return x.unsqueeze(0) if x.dim() == unbatched else x
    mean = getattr(layer, "running_mean", None)
    if isinstance(layer, _NormBase) or not isinstance(mean, Tensor) or x.dim() < 3:
        return x
    last = x.shape[1] != mean.numel() and x.shape[-1] == mean.numel()
    return x.movedim(-1, 1) if last else x


def values_averaged(layer: nn.Module, x: Tensor) -> int:
    """How many values of a batch (samples, channels, ...) the layer averages into one mean."""
    if isinstance(layer, _InstanceNorm):
        return x[0, 0].numel() if x.dim() > 1 and x.numel() else 0
    return values_per_channel(x)


def values_per_channel(x: Tensor) -> int:
    """How many values one channel of a batch (samples, channels, ...) has."""
    return x.numel() // x.shape[1] if x.dim() > 1 and x.shape[1] else 0


def channel_moments(x: Tensor) -> Moments:
    """Count, mean and squared deviations per channel of a batch (samples, channels, ...).

    Two passes, the second over deviations from the mean, summed in the input's precision (at least float32).
    """
    x = x.detach()
    if x.dtype in (torch.float16, torch.bfloat16):
        x = x.float()
    axes = [axis for axis in range(x.dim()) if axis != 1]
    count = values_per_channel(x)
    shape = [1, -1] + [1] * (x.dim() - 2)
    mean = x.mean(axes)
    deviations = x - mean.view(shape)
    # The rounding of the mean leaves a small common deviation, which the second term takes out again.
    rest = deviations.mean(axes)
    m2 = (deviations.square().sum(axes) - count * rest.square()).clamp_min(0)
    stacked = torch.stack([(mean.double() + rest.double()), m2.double()]).cpu().numpy()
    return Moments(float(count), stacked[0], stacked[1])


class LayerMoments:
    """Accumulates the moments of one call site over batches."""

    def __init__(self, layer: nn.Module) -> None:
        self.per_instance = isinstance(layer, _InstanceNorm)
        self.population = PopulationMoments()
        self.instance_variances = PopulationMoments()
        self.values: list[int] = []

    def add(self, x: Tensor) -> None:
        """Takes in one input of the layer, shape (samples, channels, ...); an empty one counts for nothing."""
        if x.numel() == 0 or (self.per_instance and x[0, 0].numel() < 2):
            return
        self.values.append(values_per_channel(x))
        if not self.per_instance:
            self.population.add(channel_moments(x))
            return
        # Instance normalization keeps the average over samples of each sample's own mean and corrected variance.
        variance, mean = torch.var_mean(x.detach().float().flatten(2), 2, correction=1)
        self.population.add(channel_moments(mean))
        self.instance_variances.add(channel_moments(variance))

    def sampled(self) -> SampledMoments:
        """What is known so far, with standard errors."""
        mean, mean_error = self.population.mean, self.population.standard_error_of_mean
        if self.per_instance:
            variance = self.instance_variances.mean
            with np.errstate(all="ignore"):
                log_error = np.where(variance > 0, self.instance_variances.standard_error_of_mean / variance, 0.0)
        else:
            total = self.population.total
            variance = total.unbiased_variance if np.all(np.asarray(total.count) > 1) else total.variance
            log_error = self.population.standard_error_of_log_variance
        return SampledMoments(
            mean, variance, mean_error, log_error, self.population.batches, int(np.median(self.values))
        )
