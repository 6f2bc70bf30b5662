"""Which arguments a user's function takes: model_fn and input_fn are handed those that they name, and no others."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def argument_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The arguments that `function` takes by name and that are still open.

    Bound methods, callable objects and functools.partial are looked into: self and what a partial has already given are
    not open. *args and **kwargs name nothing.
    """
    given: set[str] = set()
    inner: Any = function
    while isinstance(inner, functools.partial):
        given.update(inner.keywords)
        inner = inner.func
    parameters = inspect.signature(function).parameters.values()
    return tuple(p.name for p in parameters if p.kind in _NAMED and p.name not in given)


def required_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """Those of `argument_names` that have no default."""
    parameters = inspect.signature(function).parameters
    return tuple(name for name in argument_names(function) if parameters[name].default is inspect.Parameter.empty)


def name_of(function: Callable[..., Any]) -> str:
    """What a message calls `function`: its name and, where it has one, its file and line."""
    inner: Any = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    name = getattr(inner, "__qualname__", type(inner).__qualname__)
    code = getattr(inner, "__code__", None)
    return name if code is None else f"{name} ({code.co_filename}:{code.co_firstlineno})"


def check_model_fn(model_fn: object, params: object) -> None:
    """Refuses a model_fn that could not be called, before any graph is built.

    Raises:
        ValueError: it lacks `features`, asks for an argument that nobody gives, or leaves out `params` although there
            are some.
        TypeError: it cannot be called.
    """
    if not callable(model_fn):
        raise TypeError(f"model_fn is {model_fn!r}; expected a function (features, labels, mode, params, config)")
    names = argument_names(model_fn)
    where = name_of(model_fn)
    if "features" not in names:
        raise ValueError(
            f"model_fn {where} takes {names}; expected an argument named 'features': name its first one so"
        )
    none_given = params is None or (isinstance(params, Mapping) and not params)
    if not none_given and "params" not in names:
        raise ValueError(
            f"model_fn {where} takes {names}, but the Estimator was given params, which would be lost; expected an "
            "argument named 'params': add it, or leave params out"
        )
    unknown = [
        name for name in required_names(model_fn) if name not in ("features", "labels", "mode", "params", "config")
    ]
    if unknown:
        raise ValueError(
            f"model_fn {where} takes {unknown}, which an Estimator does not give; expected some of features, labels, "
            "mode, params, config: pass the rest in params, or bind them with functools.partial"
        )
