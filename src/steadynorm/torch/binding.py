"""Copies objects and binds functions to the copies, all with one memo.

A train step usually reaches its optimizer through a closure, an object or a module's globals. A copy of the model
alone would then be trained by an optimizer that still holds the original's parameters. So everything that a function
refers to is copied with one memo, and a copy of the function refers to the copies.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import sys
import types
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset

from steadynorm.reaching import globals_of, is_installed, referred

_MISSING = object()
_ATOMIC = (type, types.ModuleType, types.BuiltinFunctionType, str, bytes, int, float, complex, type(None))
_TRAINING_STATE = (Tensor, nn.Module, torch.optim.Optimizer, LRScheduler, torch.amp.GradScaler)
_SEARCHED_OBJECTS = 10_000
"""How many objects are looked through for training state; a larger holder counts as holding some."""


class Binder:
    """Deep copies with one memo: what refers to one object in the originals refers to one copy in the copies.

    Shared instead of copied are data sets and their loaders, objects of installed packages that hold on to nothing
    that is trained, and what cannot be copied (files, locks, running generators).
    """

    def __init__(self) -> None:
        self.memo: dict[int, Any] = {}
        self._namespaces: dict[int, dict[str, Any]] = {}
        self._alive: list[Any] = []  # the memo's keys are ids: what they name must live as long as it

    def copy(self, value: Any) -> Any:
        """A deep copy of `value` in which everything copied before is its copy."""
        found = self.memo.get(id(value), _MISSING)
        if found is not _MISSING:
            return found
        if isinstance(value, types.FunctionType | types.MethodType | functools.partial):
            return self.bind(value)
        if _is_shared(value):
            return value
        if isinstance(value, torch.optim.Optimizer):
            return self._copy_optimizer(value)
        if isinstance(value, Tensor) and not value.is_leaf:
            return self._remember(value, value.detach().clone())  # deepcopy refuses results of a computation
        if type(value) in (list, tuple, dict, set):
            return self._copy_container(value)
        if _is_plain_object(value):
            return self._copy_object(value)
        try:
            return self._deepcopy(value)
        except Exception:
            return self._remember(value, value)

    def bind(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function` with everything that it refers to replaced by copies.

        Closure cells, defaults, bound objects, partial arguments and the globals that its code names are looked
        through; functions found there are bound in turn. What code reaches as an attribute of an imported module is
        out of reach.
        """
        found = self.memo.get(id(function))
        if found is not None:
            return found  # type: ignore[no-any-return]
        if isinstance(function, functools.partial):
            keywords = {key: self.copy(value) for key, value in function.keywords.items()}
            return functools.partial(self.bind(function.func), *map(self.copy, function.args), **keywords)
        if isinstance(function, types.MethodType):
            return types.MethodType(self.bind(function.__func__), self.copy(function.__self__))
        if isinstance(function, types.FunctionType):
            return self._bind_function(function)
        if isinstance(function, type | types.BuiltinFunctionType):
            return function
        copied = self.copy(function)
        # Python looks __call__ up in the class, where a copy cannot have its own.
        method = getattr(type(function), "__call__", None)  # noqa: B004 (the function itself is wanted)
        if isinstance(method, types.FunctionType) and not isinstance(function, nn.Module) and _is_bindable(method):
            return types.MethodType(self.bind(method), copied)
        return copied  # type: ignore[no-any-return]

    def bind_methods(self, original: Any, copied: Any) -> None:
        """Gives `copied` its own methods where those of its class refer to objects that have to be copies."""
        for kind in reversed(type(original).__mro__):
            for name, method in vars(kind).items():
                if not isinstance(method, types.FunctionType) or not _is_bindable(method) or name == "__init__":
                    continue
                if any(self.copy(value) is not value for value in referred(method)):
                    vars(copied)[name] = types.MethodType(self.bind(method), copied)
                elif name in vars(copied) and name not in vars(original):
                    del vars(copied)[name]  # overrides the base class's method that was bound

    def _remember(self, value: Any, copied: Any) -> Any:
        self.memo[id(value)] = copied
        self._alive.append(value)
        return copied

    def _deepcopy(self, value: Any) -> Any:
        # A copy that fails half way leaves half-filled objects in its memo, which must not be found later.
        memo = dict(self.memo)
        copied = copy.deepcopy(value, memo)
        self._alive.append(memo.pop(id(memo), None))
        self.memo.update(memo)
        return copied

    def _copy_optimizer(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        copied: torch.optim.Optimizer = self._deepcopy(optimizer)
        # Optimizer copies only its own state; wrappers around optimizers (SAM, Lookahead) have more.
        for name, value in vars(optimizer).items():
            if name not in vars(copied) and name != "step":
                vars(copied)[name] = self.copy(value)
        if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
            # A scheduler marks the step of its optimizer, and warns when the mark is missing.
            step = functools.partial(type(copied).step, copied)
            vars(step)["_wrapped_by_lr_sched"] = True
            vars(copied).update(step=step, _opt_called=True)
        return copied

    def _copy_container(self, value: Any) -> Any:
        if isinstance(value, tuple):
            items = tuple(map(self.copy, value))
            same = all(new is old for new, old in zip(items, value, strict=True))
            return value if same else self.memo.setdefault(id(value), items)
        copied = self._remember(value, type(value)())
        if isinstance(value, dict):
            copied.update((self.copy(key), self.copy(item)) for key, item in list(value.items()))
        elif isinstance(value, set):
            copied.update(map(self.copy, value))
        else:
            copied.extend(map(self.copy, value))
        return copied

    def _copy_object(self, value: Any) -> Any:
        copied = self._remember(value, object.__new__(type(value)))
        for name, item in list(vars(value).items()):
            vars(copied)[name] = self.copy(item)
        self.bind_methods(value, copied)
        return copied

    def _bind_function(self, function: types.FunctionType) -> types.FunctionType:
        if not _is_bindable(function) and not function.__closure__:
            return function
        cells = tuple(types.CellType() for _ in function.__closure__ or ())
        namespace = self._namespace(function)
        bound = types.FunctionType(function.__code__, namespace, function.__name__, None, cells or None)
        self._remember(function, bound)  # before its parts are looked at: it may refer to itself
        bound.__dict__.update(function.__dict__)
        bound.__module__, bound.__qualname__ = function.__module__, function.__qualname__
        bound.__defaults__ = function.__defaults__ and tuple(map(self.copy, function.__defaults__))
        bound.__kwdefaults__ = function.__kwdefaults__ and {
            name: self.copy(value) for name, value in function.__kwdefaults__.items()
        }
        if namespace is not function.__globals__:
            for name, value in globals_of(function).items():
                namespace[name] = self.copy(value)
        for cell, original in zip(cells, function.__closure__ or (), strict=True):
            with contextlib.suppress(ValueError):  # the cell is still empty
                cell.cell_contents = self.copy(original.cell_contents)
        return bound

    def _namespace(self, function: types.FunctionType) -> dict[str, Any]:
        """One copy of the globals for all bound functions of a module, so that they see each other's changes."""
        original = function.__globals__
        if not _is_bindable(function):
            return original
        if id(original) not in self._namespaces:
            self._namespaces[id(original)] = dict(original)
            self._alive.append(original)
        return self._namespaces[id(original)]


def _is_bindable(function: types.FunctionType) -> bool:
    """Whether the globals of the function can be something of the user's: not those of frameworks."""
    root = str(function.__globals__.get("__name__", "")).split(".")[0]
    return root not in ("torch", "numpy", "steadynorm") and root not in sys.stdlib_module_names - {"__main__"}


def _is_shared(value: Any) -> bool:
    if isinstance(value, (*_ATOMIC, DataLoader, Dataset)) or type(value) is object:
        return True
    if isinstance(value, (*_TRAINING_STATE, torch.Generator, list, tuple, dict, set)):
        return False
    kind = type(value)
    if kind.__module__.split(".")[0] in ("numpy", "random", "collections") or not is_installed(kind):
        return False
    return not _holds_training_state(value)


def _holds_training_state(value: Any) -> bool:
    seen: dict[int, Any] = {}
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, _TRAINING_STATE) or len(seen) > _SEARCHED_OBJECTS:
            return True
        if id(current) in seen or isinstance(current, (*_ATOMIC, types.FunctionType, DataLoader, Dataset)):
            continue
        seen[id(current)] = current
        if isinstance(current, list | tuple | set | frozenset):
            waiting.extend(current)
        elif isinstance(current, dict):
            waiting.extend(current.values())
        else:
            waiting.extend(getattr(current, "__dict__", {}).values())
    return False


def _is_plain_object(value: Any) -> bool:
    """Whether the object is its `__dict__` and nothing else, so that it can be copied attribute by attribute."""
    kind = type(value)
    if isinstance(value, nn.Module | Tensor) or not hasattr(value, "__dict__"):
        return False
    slots = any(vars(base).get("__slots__") for base in kind.__mro__)
    custom = any(
        hasattr(kind, name) and getattr(kind, name) is not getattr(object, name, None)
        for name in ("__deepcopy__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__")
    )
    native = any(base is not object and not base.__flags__ & (1 << 9) for base in kind.__mro__)
    return not (slots or custom or native)
