"""Watches normalization layers while something runs: their mode, their inputs, and their call sites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from steadynorm.layer_moments import Seen
from steadynorm.live import Override
from steadynorm.torch.layers import domain_of, has_statistics, ignores_mode, is_normalization, uses_batch_moments
from steadynorm.torch.moments import LayerMoments, channel_moments, input_of, values_averaged, values_per_channel
from steadynorm.torch.state import hooks, layers_kept


class Watch:
    """Hooks on a model's normalization layers, for the passes of this package over a copy of it.

    Arguments:
        layers: the layers by name.
        batch: whether they are to normalize by the batch; a call with one value per channel, which cannot, keeps
            the stored statistics.
        observe: whether their inputs' moments are accumulated.
        override: statistics to normalize by at each call site.
    """

    def __init__(
        self,
        layers: Mapping[str, nn.Module],
        *,
        batch: bool = False,
        observe: bool = False,
        override: Override | None = None,
    ) -> None:
        self.layers, self.batch, self.observe = layers, batch, observe
        self.override = override or {}
        self.seen: Seen[LayerMoments] = Seen()
        self._calls: Counter[str] = Counter()
        self._sizes = {name: getattr(layer, "virtual_batch_size", None) for name, layer in self.layers.items()}
        self._domains = {name: domain_of(layer, {}) for name, layer in self.layers.items()}

    def begin_forward(self) -> None:
        """Starts the numbering of call sites anew; to be called before every forward pass."""
        self._calls.clear()

    @contextmanager
    def __call__(self) -> Iterator[Seen[LayerMoments]]:
        """Watches; the layers' buffers, modes and hooks are as before at the end, whatever happens."""
        with layers_kept(self.layers.values()):
            for layer in self.layers.values():
                layer.training = self.batch
            with hooks(self._handles()):
                yield self.seen

    def _handles(self) -> Iterator[Any]:
        for name, layer in self.layers.items():
            yield layer.register_forward_pre_hook(self._before(name), with_kwargs=True)
            yield layer.register_forward_hook(self._after(name), with_kwargs=True)

    def _before(self, name: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
        def before(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            x = input_of(layer, args, kwargs)
            if x is None or domain_of(layer, kwargs) != self._domains[name]:
                return  # a domain's statistics say nothing of another's
            site = (name, self._calls[name])
            self._calls[name] += 1
            values = values_averaged(layer, x)
            if site in self.override:
                self._set(layer, *self.override[site])
            layer.training = self.batch and values > 1
            size = self._sizes[name]
            if isinstance(size, int) and layer.training:
                # What virtual batches do not divide, which training drops, is normalized as one batch.
                layer.virtual_batch_size = None if x.shape[0] % size else size  # type: ignore[assignment]
            if layer.training and ignores_mode(layer):
                # Such a layer knows no batch mode; it normalizes by whatever stands in its buffers.
                moments = channel_moments(x)
                self._set(layer, moments.mean, moments.variance)
            if self.observe:
                if site not in self.seen.moments:
                    self.seen.moments[site] = LayerMoments(layer)
                self.seen.moments[site].add(x)
            if uses_batch_moments(layer):
                self.seen.by_batch(name, values)

        return before

    def _after(self, name: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any], Any], None]:
        by_batch: bool | None = None  # the first call tells

        def after(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            nonlocal by_batch
            # The mode says what torch.nn's own layers do; what any other class does shows in its output.
            if self.batch or by_batch is False or not isinstance(output, Tensor):
                return
            x = input_of(layer, args, kwargs)
            if by_batch is None:
                by_batch = False
                if x is None or type(layer).__module__.startswith("torch.nn") or not has_statistics(layer):
                    return
                by_batch = _normalized_by_batch(layer, x, output if x.shape == output.shape else output.movedim(-1, 1))
            if by_batch and x is not None:
                self.seen.by_batch(name, values_per_channel(x))

        return after

    def _set(self, layer: nn.Module, mean: Any, variance: Any) -> None:
        reference = getattr(layer, "running_mean", None)
        like = reference if isinstance(reference, Tensor) else next(layer.parameters(), torch.zeros(()))
        for name, values in (("running_mean", mean), ("running_var", variance)):
            # A hand-written layer may keep its statistics in the shape that they are broadcast in.
            shape = like.shape if isinstance(reference, Tensor) else values.shape
            layer._buffers[name] = torch.tensor(values, dtype=like.dtype, device=like.device).view(shape)


def _normalized_by_batch(layer: nn.Module, x: Tensor, output: Tensor) -> bool:
    """Whether the output follows from the batch's moments rather than from the stored ones.

    Both predictions are compared with the output by the slope of the output over the input in each channel, which
    does not depend on beta.
    """
    if x.shape != output.shape or values_per_channel(x) < 2:
        return False
    axes = [axis for axis in range(x.dim()) if axis != 1]
    shape = [1, -1] + [1] * (x.dim() - 2)
    x, output = x.detach().double(), output.detach().double()
    variance, mean = torch.var_mean(x, axes, correction=0)
    epsilon = float(getattr(layer, "eps", 1e-5))
    weight = getattr(layer, "weight", None)
    gamma = weight.detach().double().flatten() if isinstance(weight, Tensor) else torch.ones_like(mean)
    bias = getattr(layer, "bias", None)
    beta = bias.detach().double().flatten() if isinstance(bias, Tensor) else torch.zeros_like(mean)

    def error(center: Tensor, spread: Tensor) -> float:
        scale = gamma * torch.rsqrt(spread + epsilon)
        return float((output - ((x - center.view(shape)) * scale.view(shape) + beta.view(shape))).square().mean())

    by_batch = error(mean, variance)
    by_population = error(_flat(layer, "running_mean"), _flat(layer, "running_var"))
    return by_batch < 1e-6 * float(output.square().mean()) and by_batch < 0.01 * by_population


def _flat(layer: nn.Module, name: str) -> Tensor:
    values: Tensor = getattr(layer, name)
    return values.double().flatten()


def watch_strays(known: Mapping[str, nn.Module], model: nn.Module) -> Any:
    """Finds normalization layers that a forward pass uses though the model does not hold them.

    Returns:
        a context manager; inside it, forward passes fill the dict that it gives with stray layers.
    """
    registered = {id(module) for module in model.modules()} | {id(layer) for layer in known.values()}

    @contextmanager
    def watching() -> Iterator[dict[str, nn.Module]]:
        strays: dict[str, nn.Module] = {}
        keep = []

        def before(module: nn.Module, _: Any) -> None:
            if id(module) not in registered and is_normalization(module):
                registered.add(id(module))
                strays[f"<unregistered {type(module).__name__} {len(strays)}>"] = module
                keeper = layers_kept([module])
                keeper.__enter__()
                keep.append(keeper)

        handle = nn.modules.module.register_module_forward_pre_hook(before)
        try:
            yield strays
        finally:
            handle.remove()
            for keeper in keep:
                keeper.__exit__(None, None, None)

    return watching()
