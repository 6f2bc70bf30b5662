"""Changes the batch-normalization layers of a model into those of steadynorm.torch, and back."""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from steadynorm.errors import NoNormalizationLayersError
from steadynorm.torch.batch_norm import BatchNorm1d, BatchNorm2d, BatchNorm3d, Layer, SyncBatchNorm
from steadynorm.torch.layers import normalization_layers, unregistered_layers
from steadynorm.torch.lazy import LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d

Model = TypeVar("Model", bound=nn.Module)

_OURS: dict[type, type[Layer]] = {
    nn.BatchNorm1d: BatchNorm1d,
    nn.BatchNorm2d: BatchNorm2d,
    nn.BatchNorm3d: BatchNorm3d,
    nn.SyncBatchNorm: SyncBatchNorm,
    nn.LazyBatchNorm1d: LazyBatchNorm1d,
    nn.LazyBatchNorm2d: LazyBatchNorm2d,
    nn.LazyBatchNorm3d: LazyBatchNorm3d,
}
_THEIRS: dict[type, type[_BatchNorm]] = {ours: theirs for theirs, ours in _OURS.items()}
_SHOWN = 3


def convert(model: Model, **options: Any) -> Model:
    """Change the batch normalization of a model, in place, from that of torch.nn into that of steadynorm.torch.

    Every torch.nn.BatchNorm1d/2d/3d is changed, every torch.nn.SyncBatchNorm, which stays synchronized with its
    process group, and every lazy layer, which has the options from its first batch on.

    The layers stay the same objects with the same parameters, buffers, modes and hooks, so that an optimizer, a parent
    and a list that hold them still do. Convert before the model is wrapped in DistributedDataParallel, which counts
    the buffers. Left alone, with a warning that names them, are subclasses and parametrized layers, whose own code
    would be lost, layers with a `forward` of their own, and those of steadynorm.torch.

    Args:
        model: changed in place; may be one layer.
        options: of `BatchNorm1d`, for all layers: renorm, renorm_clipping, renorm_momentum, virtual_batch_size,
            debias, skip_nonfinite, domain_statistics, synchronized and process_group. What renorm measures against,
            and each domain, start from a layer's running statistics.

    Returns:
        The model itself.

    Raises:
        NoNormalizationLayersError: there is no layer of batch normalization; nothing was changed.
        TypeError: an option is none of these; nothing was changed.
        ValueError: an option is invalid or does not go with a layer, which is named; nothing was changed.
    """
    chosen: list[Any] = []
    left: dict[str, str] = {}
    for name, layer in _batch_normalization(model).items():
        reason = _reason(layer, _OURS)
        if reason is not None:
            left[name] = reason
            continue
        try:
            _check(layer, _options(layer, options))
        except ValueError as error:
            raise ValueError(f"layer {name!r}: {error}") from error
        chosen.append(layer)
    for layer in chosen:
        own = _options(layer, options)
        vars(layer).pop("process_group", None)
        layer.__class__ = _OURS[type(layer)]
        layer._set_options(**own)
        if layer.renorm is not None:
            layer._set_averages(None)
    _say("convert", left)
    return model


def revert(model: Model) -> Model:
    """Change the layers of steadynorm.torch in a model, in place, into those of torch.nn.

    They stay the same objects, as in `convert`. Of several domains the chosen one's statistics stay, the others' are
    dropped, as is what renorm measures against; only a `SyncBatchNorm` stays synchronized. Subclasses are left alone,
    with a warning that names them.

    Args:
        model: changed in place; may be one layer.

    Returns:
        The model itself.

    Raises:
        NoNormalizationLayersError: there is no layer of batch normalization; nothing was changed.
        ValueError: a layer is frozen, which torch.nn's cannot be; nothing was changed.
    """
    ours: dict[str, Any] = {name: each for name, each in _batch_normalization(model).items() if isinstance(each, Layer)}
    left = {name: reason for name, each in ours.items() if (reason := _reason(each, _THEIRS)) is not None}
    for name, layer in ours.items():
        if name not in left and layer.is_frozen:
            raise ValueError(
                f"layer {name!r} is frozen, and train() would set that of torch.nn going again; expected one that is "
                "not: call its unfreeze() first"
            )
    for name, layer in ours.items():
        if name not in left:
            group = layer.process_group
            layer._drop_options()
            layer.__class__ = _THEIRS[type(layer)]
            if isinstance(layer, nn.SyncBatchNorm):
                layer.process_group = group
    _say("revert", left)
    return model


def _batch_normalization(model: nn.Module) -> dict[str, nn.Module]:
    found = {**normalization_layers(model), **dict(unregistered_layers(model))}
    layers: dict[str, nn.Module] = {name: each for name, each in found.items() if isinstance(each, _BatchNorm)}
    if not layers:
        raise NoNormalizationLayersError(
            f"the model ({type(model).__name__}) has no batch normalization of torch.nn: nothing to change"
        )
    return layers


def _reason(layer: nn.Module, changeable: dict[type, Any]) -> str | None:
    """Why a layer is left alone; None for one that can be changed."""
    kind = type(layer)
    if isinstance(layer, Layer) and changeable is _OURS:
        return "is of steadynorm.torch already: revert first to give it other options"
    if kind not in changeable:
        return f"is a {kind.__name__}, whose own code would be lost"
    return "has a forward of its own" if "forward" in vars(layer) else None


def _options(layer: nn.Module, options: dict[str, Any]) -> dict[str, Any]:
    """The options of one layer: those that are given, and of a synchronized one those that it has."""
    if not isinstance(layer, nn.SyncBatchNorm):
        return options
    return {"synchronized": True, "process_group": layer.process_group, **options}


def _check(layer: Any, options: dict[str, Any]) -> None:
    """Refuse what does not go together before anything is changed, on a layer without memory."""
    kind: Any = _OURS[type(layer)]
    probe = getattr(kind, "cls_to_become", kind)(
        layer.num_features,
        layer.eps,
        layer.momentum,
        track_running_stats=layer.running_mean is not None,
        device="meta",
    )
    probe._set_options(**options)


def _say(what: str, left: dict[str, str]) -> None:
    if not left:
        return
    shown = "; ".join(f"{name or 'the model'!r} {reason}" for name, reason in list(left.items())[:_SHOWN])
    more = f"; and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
    warnings.warn(f"{what} left {len(left)} of the layers as they were: {shown}{more}", stacklevel=3)
