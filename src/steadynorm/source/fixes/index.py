"""What fixes look up in a file, collected in one walk through it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Index:
    """The nodes of a file by what they are looked up by; all in the order of `ast.walk`.

    Arguments:
        called: the calls by the last part of the name that they call.
        begun: the calls by the line that they begin in.
        read: the names that are read.
        imports: the imports.
        methods: the names of the functions in classes.
    """

    called: dict[str, list[ast.Call]] = field(default_factory=dict)
    begun: dict[int, list[ast.Call]] = field(default_factory=dict)
    read: dict[str, list[ast.Name]] = field(default_factory=dict)
    imports: list[ast.Import | ast.ImportFrom] = field(default_factory=list)
    methods: set[str] = field(default_factory=set)

    def add(self, node: ast.AST) -> None:
        """Takes one node in."""
        if isinstance(node, ast.Call):
            self.begun.setdefault(node.lineno, []).append(node)
            if isinstance(node.func, ast.Name | ast.Attribute):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                self.called.setdefault(name, []).append(node)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            self.read.setdefault(node.id, []).append(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self.imports.append(node)
        elif isinstance(node, ast.ClassDef):
            methods = (each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
            self.methods.update(each.name for each in methods)


# A tree never changes: a file that a fix has changed is parsed anew.
@lru_cache(maxsize=1024)
def index_of(tree: ast.Module) -> Index:
    """The index of a file, made when it is first asked for."""
    index = Index()
    for node in ast.walk(tree):
        index.add(node)
    return index
