"""The source code within a TorchScript archive, which is Python in its grammar: classes, functions, constants.

It is parsed and never compiled or run.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_CODE = 3 << 20
"""Bytes of code that are parsed; the syntax tree takes a hundred times as much memory."""

Load = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class ScriptClass:
    """One class of the archive.

    Arguments:
        methods: by name.
        constants: attributes with a value in the class itself, as `eps : Final[float] = 1e-05`.
    """

    methods: dict[str, ast.FunctionDef] = field(default_factory=dict)
    constants: dict[str, ast.expr] = field(default_factory=dict)


class ScriptCode:
    """All code of one archive; a file is parsed when something of it is first asked for.

    Arguments:
        load: the code of a module by its name, as `__torch__.torch.nn.modules.batchnorm`; `None` if there is none.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        self._modules: dict[str, dict[str, ast.stmt]] = {}
        self._classes: dict[str, ScriptClass | None] = {}
        self._size = 0

    def function(self, name: str) -> ast.FunctionDef | None:
        """A function by its full name."""
        found = self._statement(name)
        return found if isinstance(found, ast.FunctionDef) else None

    def class_of(self, name: str) -> ScriptClass | None:
        """A class by its full name."""
        if name not in self._classes:
            found = self._statement(name)
            self._classes[name] = _class(found) if isinstance(found, ast.ClassDef) else None
        return self._classes[name]

    def _statement(self, name: str) -> ast.stmt | None:
        module, _, last = name.rpartition(".")
        if module not in self._modules:
            self._modules[module] = self._parsed(module)
        return self._modules[module].get(last)

    def _parsed(self, module: str) -> dict[str, ast.stmt]:
        data = self._load(module)
        self._size += len(data or b"")
        if data is None or self._size > MOST_CODE:
            return {}
        try:
            with warnings.catch_warnings(action="ignore"):  # about what a file is written like
                parsed = ast.parse(data)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return {}
        return {each.name: each for each in parsed.body if isinstance(each, ast.FunctionDef | ast.ClassDef)}


def _class(found: ast.ClassDef) -> ScriptClass:
    made = ScriptClass()
    for statement in found.body:
        if isinstance(statement, ast.FunctionDef):
            made.methods[statement.name] = statement
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            made.constants[statement.target.id] = statement.value
    return made
