"""Layers that do not know their channels before their first batch."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from steadynorm.torch.batch_norm import BatchNorm1d, BatchNorm2d, BatchNorm3d, Layer


class LazyLayer(Layer):
    """What torch.nn's lazy layers become by `convert`; with the first batch each becomes a layer with its options."""

    _domains_to_come: int

    def _add_buffers(self, domains: int) -> None:
        self._domains_to_come = domains
        for name in ("renorm_mean", "renorm_stddev"):
            self.register_buffer(name, None, persistent=False)

    def _set_averages(self, stored: list[Tensor] | None) -> None:
        """Leave them to the first batch."""

    def _drop_options(self) -> None:
        super()._drop_options()
        del self._domains_to_come

    def initialize_parameters(self, input: Tensor, *rest: Any, **options: Any) -> None:
        """Take the number of channels from the first batch; PyTorch then changes the class."""
        super().initialize_parameters(input)  # type: ignore[misc]
        super()._add_buffers(self._domains_to_come)
        del self._domains_to_come
        if self.renorm is not None:
            super()._set_averages(None)


class LazyBatchNorm1d(LazyLayer, nn.LazyBatchNorm1d, BatchNorm1d):
    """Becomes a `BatchNorm1d`."""

    cls_to_become = BatchNorm1d  # type: ignore[assignment]


class LazyBatchNorm2d(LazyLayer, nn.LazyBatchNorm2d, BatchNorm2d):
    """Becomes a `BatchNorm2d`."""

    cls_to_become = BatchNorm2d  # type: ignore[assignment]


class LazyBatchNorm3d(LazyLayer, nn.LazyBatchNorm3d, BatchNorm3d):
    """Becomes a `BatchNorm3d`."""

    cls_to_become = BatchNorm3d  # type: ignore[assignment]
