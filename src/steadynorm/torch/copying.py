"""Copies a model together with everything of the user's functions that holds on to it.

A train step usually reaches its optimizer through a closure, an object or a module's globals. A copy of the model
alone would then be trained by an optimizer that still holds the original's parameters. So the model, the optimizer
and whatever the function refers to are copied in one go, with one memo, and the function is bound to the copies.
"""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from steadynorm.errors import UnusableInputError


def unwrap(model: nn.Module) -> nn.Module:
    """The module inside DataParallel, DistributedDataParallel and torch.compile wrappers."""
    while True:
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model = model.module
        elif isinstance(getattr(model, "_orig_mod", None), nn.Module):
            model = model._orig_mod
        else:
            return model


class Copier:
    """Deep copies with one memo: what refers to one model in the original refers to one copy in the copies."""

    def __init__(self, model: nn.Module) -> None:
        self.memo: dict[int, Any] = {}
        inner = unwrap(model)
        for module in inner.modules():
            for value in vars(module).values():
                # deepcopy refuses tensors that are results of a computation (weight_norm keeps one in the module).
                if isinstance(value, Tensor) and not value.is_leaf:
                    self.memo[id(value)] = value.detach().clone()
        try:
            self.model: nn.Module = copy.deepcopy(inner, self.memo)
        except Exception as error:
            raise UnusableInputError(
                f"the model ({type(inner).__name__}) cannot be copied, and the original is never run: "
                f"{type(error).__name__}: {error}. Give the class a __deepcopy__, or move what cannot be copied "
                "out of the module"
            ) from error
        # A wrapper that is handed around in the user's functions stands for the copy from now on.
        while model is not inner:
            self.memo[id(model)] = self.model
            model = model.module if hasattr(model, "module") else model._orig_mod  # type: ignore[assignment]
        for module in self.model.modules():
            if getattr(module, "_compiled_call_impl", None) is not None:
                module._compiled_call_impl = None  # compiled code would pass the hooks by

    def copy(self, value: Any) -> Any:
        """A deep copy of `value` in which the model and everything copied before are the copies."""
        return copy.deepcopy(value, self.memo)

    def bind(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, with the objects it refers to replaced by copies where they hold on to the model or its training.

        Closure cells, defaults, bound objects, partial arguments and the globals that its code names are looked
        through; functions found there are bound in turn.
        """
        bound = self.memo.get(id(function))
        if bound is not None:
            return bound  # type: ignore[no-any-return]
        if isinstance(function, functools.partial):
            keywords = {key: self._replace(value) for key, value in function.keywords.items()}
            return functools.partial(
                self.bind(function.func), *(self._replace(value) for value in function.args), **keywords
            )
        if isinstance(function, types.MethodType):
            return types.MethodType(function.__func__, self.copy(function.__self__))
        if isinstance(function, types.FunctionType):
            return self._bind_function(function)
        return self.copy(function) if not isinstance(function, types.BuiltinFunctionType | type) else function

    def _bind_function(self, function: types.FunctionType) -> types.FunctionType:
        named = set(_names(function.__code__))
        namespace = function.__globals__
        cells = tuple(types.CellType() for _ in function.__closure__ or ())
        bound_globals = dict(namespace)
        bound = types.FunctionType(function.__code__, bound_globals, function.__name__, None, cells or None)
        bound.__kwdefaults__ = function.__kwdefaults__
        bound.__dict__.update(function.__dict__)
        self.memo[id(function)] = bound  # before its parts are looked at: it may refer to itself
        bound.__defaults__ = (
            None if function.__defaults__ is None else tuple(self._replace(each) for each in function.__defaults__)
        )
        for name in named & namespace.keys():
            bound_globals[name] = self._replace(namespace[name])
        for cell, original in zip(cells, function.__closure__ or (), strict=True):
            try:
                cell.cell_contents = self._replace(original.cell_contents)
            except ValueError:  # the cell is still empty
                continue
        return bound

    def _replace(self, value: Any) -> Any:
        if id(value) in self.memo:
            return self.memo[id(value)]
        if isinstance(value, types.FunctionType | types.MethodType | functools.partial):
            return self.bind(value) if _is_user_code(value) else value
        return self.copy(value) if _holds_training_state(value) else value


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _is_user_code(function: Any) -> bool:
    module = getattr(getattr(function, "func", function), "__module__", None) or ""
    return module.split(".")[0] not in ("torch", "numpy", "steadynorm")


def _holds_training_state(value: Any) -> bool:
    """Whether the object is one that training changes: modules, optimizers, schedulers, scalers, or holders of these."""
    if isinstance(
        value,
        nn.Module | torch.optim.Optimizer | torch.optim.lr_scheduler.LRScheduler | torch.amp.GradScaler | Tensor,
    ):
        return True
    if isinstance(value, list | tuple | set):
        return any(_holds_training_state(item) for item in value)
    if isinstance(value, dict):
        return any(_holds_training_state(item) for item in value.values())
    if isinstance(value, type | types.ModuleType) or not hasattr(value, "__dict__"):
        return False
    if type(value).__module__.split(".")[0] in ("torch", "numpy"):
        return False
    return any(_holds_training_state(item) for item in vars(value).values() if item is not value)
