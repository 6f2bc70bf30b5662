"""Batch renormalization (Ioffe, 2017): a correction that makes a batch look normalized by moving averages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steadynorm.norm.validation import check_renorm

if TYPE_CHECKING:
    from steadynorm.norm.layout import FloatArray


@dataclass(frozen=True)
class Renorm:
    """Batch renormalization (Ioffe, 2017): the normalized value x̂ becomes x̂·r + d.

    Attributes:
        rmin: lower bound of r; None is unbounded.
        rmax: upper bound of r.
        dmax: bound of |d|.
        decay: fraction kept, per update, of the averages that r and d are measured against. These are separate
            from the averages for inference, which follow the layer's own decay.
    """

    rmin: float | None = None
    rmax: float | None = None
    dmax: float | None = None
    decay: float = 0.99

    def __post_init__(self) -> None:
        check_renorm(self)

    @classmethod
    def from_clipping(cls, clipping: Mapping[str, float] | None, decay: float) -> Renorm:
        """Take TensorFlow's renorm_clipping, a mapping with any of rmin, rmax and dmax.

        Raises:
            ValueError: other keys, bounds out of order, or a decay outside [0, 1].
        """
        clipping = dict(clipping or {})
        unknown = sorted(set(clipping) - {"rmin", "rmax", "dmax"})
        if unknown:
            raise ValueError(f"renorm_clipping has {unknown}; expected only rmin, rmax, dmax: rename or drop")
        return cls(clipping.get("rmin"), clipping.get("rmax"), clipping.get("dmax"), decay)

    def correction(
        self,
        mean: FloatArray,
        stddev: FloatArray,
        renorm_mean: FloatArray,
        renorm_stddev: FloatArray,
        epsilon: float,
    ) -> tuple[FloatArray, FloatArray]:
        """Return r and d for a batch, to be treated as constants by the gradient.

        Args:
            mean: mean of the batch (C,).
            stddev: root of its variance plus epsilon (C,).
            renorm_mean: the average of `mean` before this batch (C,).
            renorm_stddev: the average of `stddev` before this batch (C,).
            epsilon: the layer's; √epsilon is the least standard deviation that is divided by.
        """
        import numpy as np

        reference = np.maximum(renorm_stddev, np.sqrt(epsilon))
        r, d = stddev / reference, (mean - renorm_mean) / reference
        r = np.clip(r, self.rmin or 0.0, np.inf if self.rmax is None else self.rmax)
        dmax = np.inf if self.dmax is None else self.dmax
        return r, np.clip(d, -dmax, dmax)
