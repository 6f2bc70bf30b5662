"""What mending a checkpoint needs of PyTorch: its weights in a model, and files of torch.save."""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from steadynorm.artifacts.contents import Contents
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array
from steadynorm.mending.fitting import fitted
from steadynorm.mending.raw import Raw
from steadynorm.torch.domains import WithDomains


def load(model: nn.Module, contents: Contents, path: str) -> dict[str, str]:
    """Puts the weights of a checkpoint into a model, and returns the checkpoint's name of each of its tensors.

    Raises:
        UnusableInputError: they do not fit.
    """
    own = {name: tensor for name, tensor in model.state_dict(keep_vars=True).items() if isinstance(tensor, Tensor)}
    for name, tensor in own.items():
        if is_lazy(tensor):
            raise UnusableInputError(f"{name!r} of a lazy layer has no shape yet: run the model on one batch first")
    names = fitted({name: tuple(tensor.shape) for name, tensor in own.items()}, contents, path)
    with torch.no_grad():
        for name, stored in names.items():
            own[name].copy_(torch.from_numpy(np.array(contents.tensors[stored].load())))
    return names


def statistics_keys(model: nn.Module, layer: str) -> tuple[str, str]:
    """What `load` calls the mean and the variance that a layer has now: of several domains, those of the chosen one."""
    found = model.get_submodule(layer)
    end = f"_{found.domain}" if isinstance(found, WithDomains) and found.domain else ""
    return f"{layer}.running_mean{end}".lstrip("."), f"{layer}.running_var{end}".lstrip(".")


def statistics(model: nn.Module, layer: str) -> tuple[Array, Array]:
    """Mean and variance of a layer, in float64."""
    found: Any = model.get_submodule(layer)
    mean, variance = (
        np.asarray(each.detach().to("cpu", torch.float64).flatten().numpy())
        for each in (found.running_mean, found.running_var)
    )
    return mean, variance


def epsilon(model: nn.Module, layer: str) -> float:
    """What a layer adds to the variance."""
    return float(getattr(model.get_submodule(layer), "eps", 1e-5))


def write(places: Sequence[Path], tensors: Iterable[Raw]) -> None:
    """Writes a state dict.

    Arguments:
        places: where to.
        tensors: what is in it.
    """
    torch.save(OrderedDict((each.name, _tensor(each)) for each in tensors), places[0])


def rewrite(path: str, place: Path, root: str | None, tensors: Iterable[Raw]) -> None:
    """Writes a checkpoint anew with further tensors in its state dict; all else in it is what it was.

    Arguments:
        path: the checkpoint.
        place: where to write.
        root: the keys that lead to the state dict, joined by dots.
        tensors: with names as in the checkpoint's `Contents`.

    Raises:
        UnusableInputError: it holds more than tensors and plain values, so that loading it would run code.
    """
    try:
        whole = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UnusableInputError(
            f"{path}: cannot be loaded without running what is in it ({reason}); load it yourself and save its state "
            "dict alone: torch.save(model.state_dict(), ...)"
        ) from error
    state = whole
    for key in root.split(".") if root else ():
        state = state[key] if isinstance(state, dict) and key in state else None
    if not isinstance(state, dict):
        raise UnusableInputError(f"{path}: has no one state dict to put the missing statistics into")
    for each in tensors:
        state[each.name] = _tensor(each)
    torch.save(whole, place)


def _tensor(raw: Raw) -> Tensor:
    kind, array = getattr(torch, raw.dtype), raw.array()
    if array.dtype.name == raw.dtype:
        return torch.from_numpy(np.array(array))
    if not array.size:
        return torch.empty(array.shape, dtype=kind)
    return torch.frombuffer(bytearray(array.tobytes()), dtype=torch.uint8).view(kind).reshape(array.shape)
