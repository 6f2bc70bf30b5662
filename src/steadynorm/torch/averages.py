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


def bessel_corrected(moments: BatchMoments) -> Tensor:
    """Return the variance (C,) of a whole batch times n / (n − 1); as it is for a weight n of up to one."""
    weight = moments.weight
    if not isinstance(weight, Tensor):
        return moments.variance * (weight / (weight - 1) if weight > 1 else 1.0)
    one_less = weight - 1
    return moments.variance * torch.where(one_less > 0, weight / torch.where(one_less > 0, one_less, 1.0), 1.0)


def is_usable(moments: BatchMoments, *, skip_nonfinite: bool) -> Tensor | None:
    """Whether a batch moves the averages: a scalar bool, or None if it does in any case but a recomputation.

    Args:
        moments: of the whole batch.
        skip_nonfinite: whether it must not if any of its moments is infinite or nan.
    """
    usable = is_first(moments.mean)
    if isinstance(moments.weight, Tensor):
        seen = (moments.weight > 0).squeeze()
        usable = seen if usable is None else usable & seen
    if not skip_nonfinite:
        return usable
    finite = torch.isfinite(moments.mean).all() & torch.isfinite(moments.variance).all()
    return finite if usable is None else usable & finite


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

    def correction(self, moments: BatchMoments, where: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return r and d (C,) for the moments of a whole batch, and then move both averages by these.

        Args:
            moments: of the whole batch; without any weight, r and d are one and zero.
            where: whether the averages move; None for yes.
        """
        bounds, kind, stddev = self.options, moments.mean.dtype, stddev_of(moments.variance, self.epsilon)
        reference = as_read(self.stddev).to(kind).clamp_min(math.sqrt(self.epsilon))
        r = (stddev / reference).clamp_(bounds.rmin or 0.0, bounds.rmax)
        d = (moments.mean - as_read(self.mean).to(kind)).div_(reference)
        if bounds.dmax is not None:
            d = d.clamp_(-bounds.dmax, bounds.dmax)
        move(self.mean, moments.mean, 1 - bounds.decay, where)
        move(self.stddev, stddev, 1 - bounds.decay, where)
        if not isinstance(moments.weight, Tensor):
            return r, d
        seen = moments.weight > 0
        return torch.where(seen, r, 1.0), torch.where(seen, d, 0.0)


def stddev_of(variance: Tensor, epsilon: float) -> Tensor:
    """Return √(variance + epsilon)."""
    return (variance + epsilon).sqrt_()
