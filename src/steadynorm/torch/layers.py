"""Finds the normalization layers of a PyTorch model and describes them as framework-free records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.nn.parameter import is_lazy

from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array, Layer, Mode, Statistics
from steadynorm.norm.config import NormConfig
from steadynorm.torch.batch_norm import Layer as OwnLayer
from steadynorm.torch.domains import WithDomains
from steadynorm.torch.freezing import Freezable


def is_normalization(module: nn.Module) -> bool:
    """Whether the module normalizes by moments that it keeps or should keep.

    True for every `_BatchNorm` (Sync and Lazy ones too), for instance normalization with running statistics, and for
    any other class with the buffers `running_mean` and `running_var` (frozen layers of torchvision and detectron2,
    hand-written ones).
    """
    if isinstance(module, torch.jit.ScriptModule):
        return False  # compiled code takes no hooks: nothing can be seen of it
    if isinstance(module, _InstanceNorm):
        return bool(module.track_running_stats)
    if isinstance(module, _BatchNorm):
        return True
    return all(isinstance(module._buffers.get(name), Tensor) for name in ("running_mean", "running_var"))


def normalization_layers(model: nn.Module) -> dict[str, nn.Module]:
    """The normalization layers by their path in the model, in the model's order."""
    return {name: module for name, module in model.named_modules() if is_normalization(module)}


def check_watchable(model: nn.Module) -> None:
    """Refuses a model whose normalization layers are compiled.

    Raises:
        UnusableInputError: naming the layer.
    """
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule) and "running_mean" in module._buffers:
            raise UnusableInputError(
                f"the normalization layer {name!r} is compiled TorchScript, which cannot be watched: diagnose the "
                "model that it was made from"
            )


def unregistered_layers(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Normalization layers held in plain lists, tuples or dicts, which the model does not know as its parts."""
    known = {id(module) for module in model.modules()}
    for owner, module in model.named_modules():
        for attribute, value in vars(module).items():
            if attribute in ("_modules", "_parameters", "_buffers"):
                continue
            for path, held in _held_modules(value, f"{owner}.{attribute}".lstrip(".")):
                for inner, layer in held.named_modules():
                    if id(layer) not in known and is_normalization(layer):
                        known.add(id(layer))
                        yield f"{path}.{inner}".rstrip("."), layer


def _held_modules(value: object, path: str) -> Iterator[tuple[str, nn.Module]]:
    if isinstance(value, nn.Module):
        yield path, value
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _held_modules(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _held_modules(item, f"{path}[{key!r}]")


def ignores_mode(module: nn.Module) -> bool:
    """Whether the layer never normalizes by the batch.

    That is one of ours that is frozen, or one of a class that never trains: its statistics stand in buffers and so
    does its affine part.
    """
    if isinstance(module, Freezable):
        return module.is_frozen
    return (
        not isinstance(module, _NormBase)
        and next(module.parameters(recurse=False), None) is None
        and not hasattr(module, "momentum")
    )


def is_frozen(module: nn.Module) -> bool:
    """Whether the layer is frozen on purpose: it ignores the mode, or none of its affine parameters is trained."""
    parameters = list(module.parameters(recurse=False))
    if parameters:
        return not any(parameter.requires_grad for parameter in parameters)
    return ignores_mode(module)


def has_statistics(module: nn.Module) -> bool:
    """Whether the layer holds population statistics."""
    return isinstance(getattr(module, "running_mean", None), Tensor)


def stored(layer: nn.Module) -> Array | None:
    """Mean and variance as stored, one after the other, in float64; `None` without statistics."""
    mean, variance = getattr(layer, "running_mean", None), getattr(layer, "running_var", None)
    if not isinstance(mean, Tensor) or not isinstance(variance, Tensor):
        return None
    if is_lazy(mean):
        return None
    return np.asarray(torch.cat([mean.flatten(), variance.flatten()]).detach().to("cpu", torch.float64).numpy())


def uses_batch_moments(module: nn.Module) -> bool:
    """Whether the layer, called now, would normalize by the batch, by the rule of torch.nn's own layers."""
    if ignores_mode(module):
        return False
    return module.training or not has_statistics(module)


def domain_of(module: nn.Module, call: Mapping[str, Any]) -> int:
    """Whose statistics the layer uses in a call with these keyword arguments, if it has those of several domains."""
    if not isinstance(module, WithDomains):
        return 0
    given = call.get("domain")
    return module.domain if given is None else int(given)


def channels_of(module: nn.Module) -> int:
    """How many channels the layer normalizes; 0 while a lazy layer has not seen any data."""
    known = getattr(module, "num_features", None)
    if isinstance(known, int):
        return known
    for name in ("running_mean", "weight", "bias"):
        tensor = getattr(module, name, None)
        if isinstance(tensor, Tensor):
            return tensor.numel()
    return 0


def describe(name: str, module: nn.Module, *, registered: bool = True) -> Layer:
    """The record of one layer, its arrays copied to float64."""
    return Layer(
        name=name,
        kind=type(module).__name__,
        channels=channels_of(module),
        config=_config(module),
        statistics=_statistics(module),
        gamma=_array(getattr(module, "weight", None)),
        beta=_array(getattr(module, "bias", None)),
        frozen=is_frozen(module),
        mode=Mode.BATCH if uses_batch_moments(module) else Mode.POPULATION,
        registered=registered,
        per_instance=isinstance(module, _InstanceNorm),
        further=_further(module),
    )


def _config(module: nn.Module) -> NormConfig:
    if isinstance(module, OwnLayer):
        return module.config
    momentum = getattr(module, "momentum", None)
    return NormConfig.from_torch(
        eps=float(getattr(module, "eps", 1e-5)),
        momentum=float(momentum) if isinstance(momentum, int | float) else None,
        affine=isinstance(getattr(module, "weight", None), Tensor),
        bias=isinstance(getattr(module, "bias", None), Tensor),
        track_running_stats=has_statistics(module),
        frozen=ignores_mode(module),
        synchronized=isinstance(module, nn.SyncBatchNorm),
    )


def _statistics(module: nn.Module) -> Statistics | None:
    mean, variance = _array(getattr(module, "running_mean", None)), _array(getattr(module, "running_var", None))
    if mean is None or variance is None:
        return None
    count = getattr(module, "num_batches_tracked", None)
    return Statistics(
        mean,
        variance,
        int(count) if isinstance(count, Tensor) and count.numel() == 1 else None,
        str(module.running_mean.dtype).removeprefix("torch."),
    )


def _further(module: nn.Module) -> dict[str, Array]:
    """What one of our own layers averages beside its statistics."""
    if not isinstance(module, OwnLayer):
        return {}
    averages = {
        name: each for name, each in module.named_buffers(recurse=False) if name.startswith(("renorm", "running"))
    }
    known = {name: _array(each) for name, each in averages.items() if name not in ("running_mean", "running_var")}
    return {name: values for name, values in known.items() if values is not None}


def _array(tensor: object) -> Array | None:
    if not isinstance(tensor, Tensor) or is_lazy(tensor):
        return None
    return np.asarray(tensor.detach().to("cpu", torch.float64).flatten().numpy())
