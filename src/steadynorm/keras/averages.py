"""How one batch moves a layer's averages, and what batch renormalization measures against them."""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from steadynorm.keras.batch_moments import BatchMoments
from steadynorm.norm.renorm import Renorm


def move(average: Any, value: Any, share: Any, where: Any = None) -> None:
    """Move a variable towards a value, which gets `share` in it; not at all where the scalar `where` is False."""
    old = ops.cast(average, value.dtype)
    new = old * (1 - share) + value * share
    average.assign(new if where is None else ops.where(where, new, old))


def debiased_share(settled: Any, momentum: float, where: Any, dtype: Any) -> Any:
    """Return the share of a batch in the averages of a debiased layer, and count the batch.

    An average that starts from zero and is divided by 1 − momentumᵗ (Kingma & Ba, 2015) is one without that start in
    which the t-th batch has the share (1 − momentum) / (1 − momentumᵗ).

    Args:
        settled: variable with 1 − momentumᵗ of the batches so far.
        momentum: of the averages, below 1.
        where: scalar; False for a batch that does not count; None for True.
        dtype: of the result.
    """
    before, fresh = ops.cast(settled, dtype), ops.convert_to_tensor(1 - momentum, dtype)
    after = before + fresh * (1 - before)
    settled.assign(after if where is None else ops.where(where, after, before))
    return fresh / after


def usable(whole: BatchMoments, *, skip_nonfinite: bool) -> Any:
    """Whether a batch moves the averages: a scalar bool, or None if it does in any case."""
    seen = None if whole.weight is None else ops.any(whole.weight > 0)
    if not skip_nonfinite:
        return seen
    finite = ops.all(ops.isfinite(whole.mean)) & ops.all(ops.isfinite(whole.variance))
    return finite if seen is None else seen & finite


def correction(
    options: Renorm, whole: BatchMoments, renorm_mean: Any, renorm_stddev: Any, epsilon: float
) -> tuple[Any, Any]:
    """Return r and d (C,) of Ioffe (2017), constants for the gradient; one and zero for a batch without any weight.

    Args:
        options: bounds.
        whole: moments of the batch, as one group.
        renorm_mean: what d is measured against (C,).
        renorm_stddev: what r and d are measured against (C,).
        epsilon: of the layer.
    """
    mean, stddev = whole.mean[0], ops.sqrt(whole.variance[0] + epsilon)
    reference = ops.maximum(renorm_stddev, math.sqrt(epsilon))
    r, d = ops.maximum(stddev / reference, options.rmin or 0.0), (mean - renorm_mean) / reference
    if options.rmax is not None:
        r = ops.minimum(r, options.rmax)
    if options.dmax is not None:
        d = ops.clip(d, -options.dmax, options.dmax)
    if whole.weight is not None:
        r, d = ops.where(whole.weight[0] > 0, r, 1.0), ops.where(whole.weight[0] > 0, d, 0.0)
    return ops.stop_gradient(r), ops.stop_gradient(d)
