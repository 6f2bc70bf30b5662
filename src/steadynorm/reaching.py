"""What a function of the user's refers to: its closure, and the globals that its code names."""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterator
from typing import Any


def globals_of(function: types.FunctionType) -> dict[str, Any]:
    """The globals that the code of a function, or of a function inside it, names."""
    namespace = function.__globals__
    return {name: namespace[name] for name in set(_names(function.__code__)) if name in namespace}


def referred(function: types.FunctionType) -> Iterator[Any]:
    """The values of those globals and of the closure."""
    yield from globals_of(function).values()
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # the cell is still empty
            yield cell.cell_contents


def is_installed(kind: type) -> bool:
    """Whether a class comes with Python or an installed package and so is not the user's own."""
    return is_installed_module(kind.__module__)


def is_installed_module(name: str) -> bool:
    """Whether a module comes with Python or an installed package."""
    root = name.split(".")[0]
    if root == "__main__":
        return False
    path = getattr(sys.modules.get(name), "__file__", None) or ""
    return root in sys.stdlib_module_names or "site-packages" in path or "dist-packages" in path


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)
