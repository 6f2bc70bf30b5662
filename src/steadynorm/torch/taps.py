"""Takes the moments of what a normalization layer is fed, and decides what it normalizes by meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.instancenorm import _InstanceNorm

from steadynorm.torch.batches import tensors_of
from steadynorm.torch.layers import channels_of, domain_of
from steadynorm.torch.moments import values_per_channel

_HALF = (torch.float16, torch.bfloat16)


def batch_moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance per channel of (samples, channels, ...), at least in float32, on x's device.

    Nothing waits for the device. On a CPU this takes a fraction of the time of the batch-normalization kernel, whose
    own pass over the data is not vectorized; unlike that kernel it is right for channels-last data too. The mean is
    taken out before anything is squared.
    """
    if x.dtype in _HALF:
        x = x.float()
    axes = (0, *range(2, x.dim()))
    if x.device.type != "cpu":
        variance, mean = torch.var_mean(x, axes, correction=0)
        return mean, variance
    mean = x.mean(axes, keepdim=True)
    return mean.view(-1), (x - mean).square_().mean(axes)


class Tap:
    """A forward pre-hook on one layer that is to get new statistics.

    The layer stays in inference mode, which every class of layer understands in the same way, also those whose
    training mode does more than normalize; what it normalizes by stands in its buffers, and these are replaced by
    others, never written. Instance normalization is different: it has no batch to normalize by.

    Arguments:
        layer: the layer.

    Attributes:
        pending: what was taken since it was last fetched: for each call the number of the batch, the count of values
            (instance normalization: of samples), and mean and biased variance on the layer's device; instance
            normalization has these of its samples' means, and then of its samples' variances.
        unfit: why the layer's input cannot be used, once that is known.
    """

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer
        self.channels = channels_of(layer)
        self._domain = domain_of(layer, {})
        self.per_instance = isinstance(layer, _InstanceNorm)
        self.pending: list[tuple[int, int, tuple[Tensor, ...]]] = []
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

    @contextmanager
    def tried(self) -> Iterator[list[tuple[int, int, tuple[Tensor, ...]]]]:
        """Lets the layer normalize by what is stored; what it is fed inside does not count, and is given."""
        by_batch, self._by_batch = self._by_batch, False
        pending, self.pending = self.pending, []
        self.layer.training = False
        self._normalize_by(self._population)
        try:
            yield self.pending
        finally:
            self._by_batch, self.pending = by_batch, pending

    def __call__(self, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Takes the moments of one input; an empty one counts for nothing, nor does one of another domain."""
        if domain_of(layer, kwargs) != self._domain:
            return
        x = args[0] if args and isinstance(args[0], Tensor) else next(tensors_of([args, kwargs]), None)
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
            self._normalize_by(moments if count > 1 else self._population)

    def _take_instances(self, x: Tensor) -> None:
        """Instance normalization keeps the average over samples of each sample's own mean and corrected variance."""
        layer: Any = self.layer
        x = x.unsqueeze(0) if x.dim() == layer._get_no_batch_dim() else x
        x = (x.float() if x.dtype in _HALF else x).flatten(2)
        several = x.shape[2] > 1
        if several:
            variances, means = torch.var_mean(x, 2, correction=1)
            self.pending.append((self.batch_index, len(x), batch_moments(means) + batch_moments(variances)))
        if self._by_batch:
            layer.training = several
            self._normalize_by((None, None) if several else self._population)

    def _normalize_by(self, statistics: tuple[Any, ...]) -> None:
        dtype = self._population[0].dtype
        if statistics[0] is not None and statistics[0].dtype is not dtype:
            statistics = tuple(each.to(dtype) for each in statistics)
        self.layer._buffers["running_mean"], self.layer._buffers["running_var"] = statistics
