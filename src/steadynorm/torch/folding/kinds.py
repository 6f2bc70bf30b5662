"""Which layers can take part in a fold, by what they are themselves."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.utils import parametrize

from steadynorm.torch.batch_norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from steadynorm.torch.domains import WithDomains
from steadynorm.torch.layers import has_statistics, uses_batch_moments

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_TAKING: tuple[type, ...] = (nn.Linear, *_CONVOLUTIONS)
_NORMS: tuple[type, ...] = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm),
    *(BatchNorm1d, BatchNorm2d, BatchNorm3d),
)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")


def is_transparent(module: nn.Module) -> bool:
    """Whether the module, called now, gives back what it was given."""
    if isinstance(module, _DropoutNd):
        return not module.training and type(module).__module__.startswith("torch.nn.") and not _has_hooks(module)
    return type(module) is nn.Identity and not _has_hooks(module)


def takes(module: nn.Module) -> bool:
    """Whether it is a convolution or a linear layer, perhaps of a class of its own."""
    return isinstance(module, _TAKING)


def why_no_norm(norm: nn.Module) -> str | None:
    """Why a normalization layer is no fixed map; None for one that is."""
    if type(norm) not in _NORMS:
        return _own_code(norm)
    if not has_statistics(norm):
        return "it has no running statistics and normalizes by the batch in inference, too"
    if uses_batch_moments(norm):
        return "it stays in training mode after eval()"
    if isinstance(norm, WithDomains) and norm.domains > 1:
        return f"it has statistics of {norm.domains} domains, of which each call chooses: revert() keeps one"
    return _patched(norm, "it")


def why_no_layer(name: str, layer: nn.Module) -> str | None:
    """Why a convolution or linear layer cannot take anything up; None for one that can."""
    if type(layer) not in _TAKING:
        return f"{name!r} {_own_code(layer).removeprefix('it ')}"
    if layer._parameters.get("weight") is None:
        return f"the weight of {name!r} is no parameter"
    return _patched(layer, repr(name))


def why_not_before(name: str, layer: Any) -> str | None:
    """Why a layer cannot take up what comes before it; None for one that can."""
    if isinstance(layer, _ConvTransposeNd):
        if any(size != 1 for size in (*layer.kernel_size, *layer.stride)) or any(layer.output_padding):
            return f"before the transposed {name!r}, whose edges get less of the shift, it would not be exact"
        return None
    if isinstance(layer, _ConvNd) and layer.padding_mode == "zeros" and _pads(layer):
        return f"before the zero-padded {name!r}, whose padding is not normalized, it would not be exact"
    return None


def rank_of(layer: Any) -> int:
    """How many axes the input of a normalization must have to be one with this layer."""
    return 2 + len(layer.kernel_size) if isinstance(layer, _ConvNd) else 2


def _pads(layer: Any) -> bool:
    if isinstance(layer.padding, str):
        return layer.padding == "same" and any(size != 1 for size in layer.kernel_size)
    return any(layer.padding)


def _own_code(module: nn.Module) -> str:
    if parametrize.is_parametrized(module):
        return "it is parametrized: remove_parametrizations(..., leave_parametrized=True) first"
    return f"it is a {type(module).__name__}, whose own code would be lost"


def _patched(module: nn.Module, what: str) -> str | None:
    if "forward" in vars(module):
        return f"{what} has a forward of its own"
    return f"{what} has a hook, which would see other values" if _has_hooks(module) else None


def _has_hooks(module: nn.Module) -> bool:
    return any(getattr(module, name) for name in _HOOKS)
