"""How one batch moves the running statistics, and what batch renormalization measures against them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.fx.traceback import get_current_meta

from steadynorm.norm.renorm import Renorm
from steadynorm.torch.batch_moments import BatchMoments
from steadynorm.torch.recomputation import CANNOT_COMPILE, is_first, is_recomputed


def update_share(momentum: float | None, debias: bool, count: Tensor, kind: torch.dtype) -> Tensor | float:
    """Return the share of the new batch in an average that now takes its `count`-th.

    Debiasing an average that started from zero, as Kingma & Ba (2015) divide it by 1 − (1 − momentum)ᵗ, is the same as
    a momentum that starts at one and comes down to its value; so it needs no second set of averages.

    Args:
        momentum: share at last; None averages all batches equally, and zero moves nothing.
        debias: whether the initial value is to have no share.
        count: scalar on the layer's device: the host does not wait for it.
        kind: type of the averages.
    """
    if momentum is not None and (not debias or momentum in (0, 1)):
        return momentum
    count = count.clamp_min(1).to(kind)
    if momentum is None:
        return count.reciprocal()
    return -momentum / torch.expm1(count * math.log1p(-momentum))


def move(average: Tensor, value: Tensor, share: Tensor | float, where: Tensor | None = None) -> None:
    """Move a running statistic towards a value in place; not at all where the scalar `where` is False."""
    if where is None and average.dtype == value.dtype:
        average.lerp_(value, share)
        return
    put(average, torch.lerp(average.to(value.dtype), value, share), where)


def put(average: Tensor, value: Tensor, where: Tensor | None) -> None:
    """Give a running statistic a new value in place; leave it bit for bit where the scalar `where` is False."""
    average.copy_(value if where is None else torch.where(where, value, average.to(value.dtype)))


@torch.library.custom_op("steadynorm::as_read", mutates_args=())
def _as_read(average: Tensor) -> Tensor:
    if is_recomputed():
        raise RuntimeError(CANNOT_COMPILE)
    return average.clone()


@_as_read.register_fake
def _(average: Tensor) -> Tensor:
    if get_current_meta().get("recompute") is not None:
        raise RuntimeError(CANNOT_COMPILE)
    return torch.empty_like(average)


def as_read(average: Tensor) -> Tensor:
    """Return a running statistic such that the backward pass, too, sees what it was before this batch moved it.

    torch.compile computes small things again in the backward pass rather than keep them, and does so from buffers that
    have changed in between; what comes out of an operation that it does not know it keeps.
    """
    kept: Tensor = _as_read(average) if torch.compiler.is_compiling() else average
    return kept


def bessel_corrected(variance: Tensor, count: Tensor) -> Tensor:
    """Return the variance times n / (n − 1); as it is for a count of up to one."""
    return variance * torch.where(count > 1, count / torch.where(count > 1, count - 1, 1.0), 1.0)


def is_usable(moments: BatchMoments, *, weighted: bool, skip_nonfinite: bool) -> Tensor | None:
    """Whether a batch moves the averages: a scalar bool, or None if it does in any case but a recomputation.

    Args:
        moments: of the whole batch, (1, C).
        weighted: whether it may be a batch without any weight.
        skip_nonfinite: whether it must not if any of its moments is infinite or nan.
    """
    first = is_first(moments.weight)
    if not weighted and not skip_nonfinite:
        return first
    usable = moments.weight.sum() > 0
    if first is not None:
        usable = usable & first
    if not skip_nonfinite:
        return usable
    return usable & torch.isfinite(moments.mean).all() & torch.isfinite(moments.variance).all()


@dataclass(frozen=True)
class Reference:
    """What batch renormalization (Ioffe, 2017) measures a batch against.

    Attributes:
        mean: average of the batches' means (C,), a buffer that is changed in place.
        stddev: average of √(variance + epsilon) (C,), the same.
        epsilon: of the layer.
        options: bounds and decay.
    """

    mean: Tensor
    stddev: Tensor
    epsilon: float
    options: Renorm

    def correction(self, moments: BatchMoments) -> tuple[Tensor, Tensor]:
        """Return r and d (C,) for the moments of a whole batch; one and zero for a batch without any weight."""
        bounds, kind = self.options, moments.mean.dtype
        stddev = as_read(self.stddev).to(kind).clamp_min(math.sqrt(self.epsilon))
        r = (self._stddev_of(moments) / stddev).clamp(bounds.rmin or 0.0, bounds.rmax)
        d = (moments.mean[0] - as_read(self.mean).to(kind)) / stddev
        if bounds.dmax is not None:
            d = d.clamp(-bounds.dmax, bounds.dmax)
        seen = moments.weight[0] > 0
        return torch.where(seen, r, 1.0), torch.where(seen, d, 0.0)

    def move(self, moments: BatchMoments, where: Tensor | None) -> None:
        """Move both averages by the moments of a whole batch."""
        move(self.mean, moments.mean[0], 1 - self.options.decay, where)
        move(self.stddev, self._stddev_of(moments), 1 - self.options.decay, where)

    def _stddev_of(self, moments: BatchMoments) -> Tensor:
        return torch.sqrt(moments.variance[0] + self.epsilon)
