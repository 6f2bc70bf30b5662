"""Takes the moments of what a normalization layer is fed, and decides what it normalizes by meanwhile."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.instancenorm import _InstanceNorm

from steadynorm.torch.batches import tensors_of
from steadynorm.torch.layers import channels_of
from steadynorm.torch.moments import values_per_channel


def batch_moments(x: Tensor) -> Tensor:
    """Mean and summed squared deviations per channel of (samples, channels, ...), stacked on x's device.

    Nothing waits for the device. On a CPU this takes a fifth of the time of the batch-normalization kernel, whose own
    pass over the data is not vectorized, and unlike that kernel it is exact for channels-last data too.
    """
    x = x.detach()
    if x.dtype in (torch.float16, torch.bfloat16):
        x = x.float()
    axes = [axis for axis in range(x.dim()) if axis != 1]
    count = values_per_channel(x)
    if x.device.type != "cpu":
        variance, mean = torch.var_mean(x, axes, correction=0)
        return torch.stack([mean, variance * count])
    center = x.mean(axes, keepdim=True)
    deviations = x - center
    # The rounding of the mean leaves a small common deviation, which is taken out again.
    rest = deviations.mean(axes)
    squares = deviations.square_().sum(axes)
    return torch.stack([center.flatten() + rest, (squares - count * rest.square()).clamp_min_(0)])


class Tap:
    """A forward pre-hook on one layer that is to get new statistics.

    The layer stays in inference mode, which every class of layer understands in the same way, also those whose
    training mode does more than normalize; what it normalizes by stands in its buffers, and these are replaced by
    others, never written. Instance normalization is different: it has no batch to normalize by.

    Arguments:
        layer: the layer.

    Attributes:
        pending: what was taken since the last `collect`: for each call the number of the batch, the count of values
            (instance normalization: of samples), and the moments on the layer's device.
        unfit: why the layer's input cannot be used, once that is known.
    """

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer
        self.channels = channels_of(layer)
        self.per_instance = isinstance(layer, _InstanceNorm)
        self.pending: list[tuple[int, int, Tensor]] = []
        self.unfit: str | None = None
        self.batch_index = 0
        self._by_batch = True
        self._population: tuple[Any, ...] = (layer.running_mean, layer.running_var)

    def start(self, by_batch: bool, population: tuple[Any, Any] | None = None) -> None:
        """Begins a pass.

        Arguments:
            by_batch: whether the layer normalizes by the batch.
            population: mean and variance to normalize by otherwise; by default what is stored.
        """
        self._by_batch = by_batch
        self.layer.training = False
        self.pending.clear()
        if population is not None:
            stored = self._population[0]
            self._population = tuple(
                torch.tensor(each, dtype=stored.dtype, device=stored.device) for each in population
            )
        self._normalize_by(self._population)

    def __call__(self, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Takes the moments of one input; an empty one counts for nothing."""
        x = next(tensors_of([args, kwargs]), None)
        if x is None or x.numel() == 0 or self.unfit is not None:
            return
        if self.per_instance:
            self._take_instances(x)
            return
        if x.dim() < 2 or x.shape[1] != self.channels:
            self.unfit = f"its input has shape {tuple(x.shape)}; expected {self.channels} channels on the second axis"
            self._normalize_by(self._population)
            return
        count = values_per_channel(x)
        moments = batch_moments(x)
        self.pending.append((self.batch_index, count, moments))
        if self._by_batch:
            # One value per channel is a sample like any other, but nothing to normalize by.
            self._normalize_by((moments[0], moments[1] / count) if count > 1 else self._population)

    def _take_instances(self, x: Tensor) -> None:
        """Instance normalization keeps the average over samples of each sample's own mean and corrected variance."""
        layer: Any = self.layer
        x = x.detach().unsqueeze(0) if x.dim() == layer._get_no_batch_dim() else x.detach()
        x = (x.float() if x.dtype in (torch.float16, torch.bfloat16) else x).flatten(2)
        several = x.shape[2] > 1
        if several:
            variances, means = torch.var_mean(x, 2, correction=1)
            taken = torch.cat([batch_moments(means), batch_moments(variances)])
            self.pending.append((self.batch_index, x.shape[0], taken))
        if self._by_batch:
            layer.training = several
            self._normalize_by((None, None) if several else self._population)

    def _normalize_by(self, statistics: tuple[Any, ...]) -> None:
        stored = self._population[0]
        mean, variance = (each if each is None else each.to(stored.dtype) for each in statistics)
        self.layer._buffers["running_mean"], self.layer._buffers["running_var"] = mean, variance
