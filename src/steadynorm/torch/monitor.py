"""What a monitor needs to know of a PyTorch model in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from steadynorm.evidence import Array, Layer, LayerSteps
from steadynorm.monitoring.watched import Snapshots
from steadynorm.steplog import StepLog, summarized
from steadynorm.torch.copying import is_compiled, unwrap
from steadynorm.torch.layers import describe, normalization_layers
from steadynorm.torch.steplog import outer_handles, step_log


def watched(model: nn.Module) -> TorchWatched:
    """The model, to be monitored; wrappers such as torch.compile's and DistributedDataParallel's are looked through."""
    return TorchWatched(unwrap(model), hooked=not is_compiled(model))


class TorchWatched:
    """Implements `steadynorm.monitoring.watched.Watched` for PyTorch.

    Arguments:
        model: the model that is trained.
        hooked: whether hooks may watch its calls. Compiled code does not call them, and PyTorch warns of them.
    """

    framework = "torch"

    def __init__(self, model: nn.Module, *, hooked: bool = True) -> None:
        self._hooked = hooked
        self.name = type(model).__name__
        self._model = model
        self._layers = {name: layer for name, layer in normalization_layers(model).items() if _keeps(layer)}
        self._log: StepLog | None = None
        self._probes: list[Any] = []
        self._broken: Exception | None = None
        self._on_one_device: bool | None = None
        self._unrecorded = 0
        self._counter: Any = None

    def layers(self) -> tuple[Layer, ...]:
        """The layers as they are now."""
        return tuple(describe(name, layer) for name, layer in self._layers.items())

    def keep(self) -> Any:
        """Copies of the statistics on their devices: one operation for all where they share a device."""
        buffers: list[Any] = [layer._buffers for layer in self._layers.values()]
        statistics = [each["running_mean"] for each in buffers] + [each["running_var"] for each in buffers]
        counts = [each.get("num_batches_tracked") for each in buffers]
        unrecorded = self._unrecorded
        if self._on_one_device is None:
            self._on_one_device = None not in counts and len({each.device for each in (*statistics, *counts)}) == 1
        if self._on_one_device:
            flat = [each if each.dim() == 1 else each.reshape(-1) for each in statistics]
            return torch.cat(flat).detach(), torch.stack(counts), unrecorded
        return [each.detach().clone() for each in statistics], [_copied(each) for each in counts], unrecorded

    def snapshots(self, kept: Sequence[Any]) -> Snapshots:
        """What `keep` gave, as arrays."""
        statistics, counts, unrecorded = zip(*kept, strict=True)
        mean, variance = np.split(_arrays(statistics), 2, axis=1)
        return Snapshots(mean, variance, _arrays(counts).astype(int), np.array(unrecorded), self._model.training)

    def probe(self) -> None:
        """Watches the calls of the layers by hooks; those of a compiled model go unseen."""
        if self._log is None:
            self._log = step_log(self._layers)
            self._probes = list(outer_handles(self._log, self._layers, self._guarded)) if self._hooked else []
        else:
            self._log.end_step()
        self._log.begin_step()

    def probed(self) -> Mapping[str, LayerSteps]:
        """What the layers did while they were watched."""
        log, self._log = self._log, None
        self._take_off()
        if log is None:
            return {}
        if self._broken is not None:
            raise self._broken
        log.end_step()
        return {
            name: summarized(layer_log, float(getattr(self._layers[name], "eps", 1e-5)))
            for name, layer_log in log.logs.items()
            if any(layer_log.steps)
        }

    def count(self, on: bool) -> None:
        """Counts calls that normalize by the batch without recording gradients, by a hook that no layer holds.

        Those of the first layer stand for all: an evaluation runs the whole model.
        """
        if on and self._hooked and self._counter is None:
            first = next(iter(self._layers.values()))
            momentum = getattr(first, "momentum", None)

            def look(module: nn.Module, _: Any) -> None:
                # What re-estimates statistics on purpose sets another momentum meanwhile.
                if module is first and module.training and not torch.is_grad_enabled():
                    self._unrecorded += getattr(module, "momentum", None) == momentum

            self._counter = nn.modules.module.register_module_forward_pre_hook(look)
        elif not on and self._counter is not None:
            self._counter.remove()
            self._counter = None

    def close(self) -> None:
        """Takes all hooks off."""
        self._take_off()
        self.count(False)

    def _take_off(self) -> None:
        for handle in self._probes:
            handle.remove()
        self._probes = []

    def _guarded(self, hook: Callable[..., None]) -> Callable[..., None]:
        """A hook whose failure is told to the monitor, and never to the model that is being trained."""

        def guarded(*arguments: Any) -> None:
            if self._broken is None and not torch.compiler.is_compiling():
                try:
                    hook(*arguments)
                except Exception as error:
                    self._broken = error

        return guarded


def _keeps(layer: nn.Module) -> bool:
    mean = layer._buffers.get("running_mean")
    return isinstance(mean, Tensor) and not is_lazy(mean)


def _copied(count: Tensor | None) -> Tensor:
    return torch.tensor(-1) if count is None else count.detach().clone()


def _arrays(kept: Sequence[Any]) -> Array:
    """One row per moment; what stands on one device comes from it at once."""
    if isinstance(kept[0], Tensor):
        return np.asarray(torch.stack(list(kept)).to("cpu", torch.float64).numpy())
    return np.stack([torch.cat([each.to("cpu", torch.float64).reshape(-1) for each in row]).numpy() for row in kept])
