"""Keeps what belongs to the user as it was: random states, and layers' buffers, modes and options."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

_RandomSource: TypeAlias = torch.Generator | np.random.Generator | np.random.RandomState | random.Random

_NESTING = 3
"""How deep a generator of random numbers is looked for in a data loader: its batch sampler's sampler has one."""


@contextmanager
def random_states_kept(*sources: Any) -> Iterator[None]:
    """Puts back the random states of Python, NumPy, PyTorch (CPU and CUDA) and of data loaders, whatever happens.

    Arguments:
        sources: iterables of batches; generators of random numbers that a loader, its samplers and its data set hold
            are kept, too.
    """
    kept = [_keeper(generator) for source in sources for generator in _generators(source, _NESTING)]
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    # A device that nobody has used yet has no state to keep, and asking for it would start it.
    cuda = torch.cuda.get_rng_state_all() if _cuda_started() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
        elif _cuda_started():
            torch.cuda.manual_seed_all(torch.cuda.initial_seed())
        for put_back in kept:
            put_back()


def _cuda_started() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]


def _keeper(generator: _RandomSource) -> Callable[[], object]:
    if isinstance(generator, torch.Generator):
        return partial(generator.set_state, generator.get_state())
    if isinstance(generator, random.Random):
        return partial(generator.setstate, generator.getstate())
    if isinstance(generator, np.random.RandomState):
        return partial(generator.set_state, generator.get_state())
    return partial(setattr, generator.bit_generator, "state", generator.bit_generator.state)


def _generators(holder: Any, depth: int) -> Iterator[_RandomSource]:
    if isinstance(holder, nn.Module | Tensor | type | ModuleType):
        return
    for value in list(getattr(holder, "__dict__", {}).values()):
        if isinstance(value, torch.Generator | np.random.Generator | np.random.RandomState | random.Random):
            yield value
        elif depth > 1:
            yield from _generators(value, depth - 1)


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
    """Puts back the buffers (the same tensors with the same values), the mode and other plain attributes of layers."""
    kept = [
        (layer, dict(layer._buffers), {name: _copy(value) for name, value in layer._buffers.items()}, _plain(layer))
        for layer in layers
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for layer, tensors, values, plain in kept:
                layer._buffers.clear()
                layer._buffers.update(tensors)
                for name, tensor in tensors.items():
                    value = values[name]
                    # A buffer may be one that cannot be written, as an expanded one; then nothing has changed it.
                    if tensor is not None and value is not None and not torch.equal(tensor, value):
                        tensor.copy_(value)
                for name in _plain(layer).keys() - plain.keys():
                    del vars(layer)[name]
                vars(layer).update(plain)


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
    if tensor is None or is_lazy(tensor):
        return None
    return tensor.detach().clone()


def _plain(layer: nn.Module) -> dict[str, Any]:
    """Attributes outside of the registries of torch, such as the mode, the momentum, or a counter of calls."""
    return {name: value for name, value in vars(layer).items() if not name.startswith("_")}


@contextmanager
def hooks(handles: Iterable[Any]) -> Iterator[None]:
    """Removes hooks at the end, whatever happens."""
    handles = list(handles)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
