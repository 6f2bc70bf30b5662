"""Tells the log of a training or an evaluation of every call of the normalization layers, by hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import torch
from torch import nn

from steadynorm.steplog import StepLog
from steadynorm.torch.layers import stored, uses_batch_moments
from steadynorm.torch.moments import channel_moments, input_of, values_averaged

Hook: TypeAlias = Callable[..., None]


def step_log(layers: Mapping[str, nn.Module]) -> StepLog:
    """A log of these layers, to be told of their calls by `handles`."""
    return StepLog(
        layers,
        stored=lambda name: stored(layers[name]),
        uses_batch=lambda name: uses_batch_moments(layers[name]),
    )


def handles(log: StepLog, layers: Mapping[str, nn.Module]) -> Iterator[Any]:
    """Sets the hooks; the caller removes them."""
    for name, layer in layers.items():
        yield layer.register_forward_pre_hook(_before(log, name), with_kwargs=True)
        yield layer.register_forward_hook(_after(log, name), with_kwargs=True)


def outer_handles(log: StepLog, layers: Mapping[str, nn.Module], guard: Callable[[Hook], Hook]) -> Iterator[Any]:
    """The same by hooks that no layer holds, so that a model can be pickled meanwhile.

    Calls by keyword are not seen.

    Arguments:
        log: is told of the calls.
        layers: by name.
        guard: gives what is called in place of a hook.
    """
    before = {id(layer): guard(_before(log, name)) for name, layer in layers.items()}
    after = {id(layer): guard(_after(log, name)) for name, layer in layers.items()}

    def enter(module: nn.Module, args: Any) -> None:
        if id(module) in before:
            before[id(module)](module, args, {})

    def leave(module: nn.Module, args: Any, output: Any) -> None:
        if id(module) in after:
            after[id(module)](module, args, {}, output)

    yield nn.modules.module.register_module_forward_pre_hook(enter)
    yield nn.modules.module.register_module_forward_hook(leave)


def _before(log: StepLog, name: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
    def before(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        x, batch = input_of(layer, args, kwargs), uses_batch_moments(layer)
        if x is None:
            return
        values = values_averaged(layer, x)
        moments = channel_moments(x) if batch and values else None
        log.enter(name, batch=batch, values=values, moments=moments, trains=torch.is_grad_enabled())

    return before


def _after(log: StepLog, name: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any], Any], None]:
    def after(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        if input_of(layer, args, kwargs) is not None:
            log.leave(name)

    return after
