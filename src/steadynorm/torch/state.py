"""Keeps what belongs to the user as it was: random states, and layers' buffers, modes and options."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


@contextmanager
def random_states_kept(*sources: Any) -> Iterator[None]:
    """Puts back the random states of Python, NumPy, PyTorch (all devices) and of data loaders, whatever happens.

    Arguments:
        sources: iterables of batches; a torch.utils.data.DataLoader's own generators are kept too.
    """
    generators = [generator for source in sources for generator in _generators(source)]
    kept = [generator.get_state() for generator in generators]
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    # A device that nobody has used yet has no state to keep, and asking for it would start it.
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
        for generator, state in zip(generators, kept, strict=True):
            generator.set_state(state)


def _generators(source: Any) -> list[torch.Generator]:
    holders = (
        source,
        getattr(source, "sampler", None),
        getattr(getattr(source, "batch_sampler", None), "sampler", None),
    )
    found = (getattr(holder, "generator", None) for holder in holders)
    return list({id(each): each for each in found if isinstance(each, torch.Generator)}.values())


@contextmanager
def modes_kept(model: nn.Module) -> Iterator[None]:
    """Puts back `training` of every module of the model, whatever happens."""
    kept = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in kept:
            module.training = training


@contextmanager
def layers_kept(layers: Iterable[nn.Module]) -> Iterator[None]:
    """Puts back the buffers (the same tensors with the same values), the mode and the options of layers."""
    kept = [
        (layer, dict(layer._buffers), {name: _copy(value) for name, value in layer._buffers.items()}, _options(layer))
        for layer in layers
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for layer, tensors, values, options in kept:
                layer._buffers.clear()
                layer._buffers.update(tensors)
                for name, tensor in tensors.items():
                    value = values[name]
                    if tensor is not None and value is not None:
                        tensor.copy_(value)
                for name, option in options.items():
                    setattr(layer, name, option)


@contextmanager
def gradients_kept(layers: Iterable[nn.Module]) -> Iterator[None]:
    """Puts back the gradients of layers' parameters: the same tensors with the same values."""
    kept = [(each, each.grad, _copy(each.grad)) for layer in layers for each in layer.parameters(recurse=False)]
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, gradient, value in kept:
                parameter.grad = gradient
                if gradient is not None and value is not None:
                    gradient.copy_(value)


def _copy(tensor: Tensor | None) -> Tensor | None:
    if tensor is None or isinstance(tensor, nn.parameter.UninitializedTensorMixin):
        return None
    return tensor.detach().clone()


def _options(layer: nn.Module) -> dict[str, Any]:
    return {name: vars(layer)[name] for name in ("training", "momentum", "track_running_stats") if name in vars(layer)}


@contextmanager
def hooks(handles: Iterable[Any]) -> Iterator[None]:
    """Removes hooks at the end, whatever happens."""
    handles = list(handles)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
