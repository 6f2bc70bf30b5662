"""The mode that an object keeps for itself, as `self.is_training`, which its methods have for what they call."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from steadynorm.source.fixes.handed import same_mode
from steadynorm.source.fixes.project import Project
from steadynorm.source.fixes.scopes import Function, assigned, parameters

_DEEPEST = 4
"""How many classes up a flag is looked for."""


def mode_of_object(files: Project, way: tuple[ast.AST, ...], keyword: str) -> str | None:
    """What the object around a node has for an argument that tells the mode, as `not self.train` for `deterministic`.

    It has what its class, or one that it is derived from, gives it before a method may ask: in a field, or in the
    constructor. A flag that is only ever one constant tells no mode.
    """
    found = _method_around(way)
    if found is None:
        return None
    owner, method = found
    own = parameters(method)[0]
    given = _given_before(way, own) if method.name == "__init__" else _given(files, owner, _DEEPEST)
    for name, value in given:
        mode = same_mode(f"{own}.{name}", keyword)
        if mode is not None and _varies(files, name, value):
            return mode
    return None


def _given_before(way: tuple[ast.AST, ...], own: str) -> Iterator[tuple[str, ast.expr | None]]:
    """The attributes that an object has where its constructor comes to a node."""
    for text, value, _ in assigned(way):
        if text.startswith(f"{own}."):
            yield text.removeprefix(f"{own}."), value


def _method_around(way: tuple[ast.AST, ...]) -> tuple[ast.ClassDef, ast.FunctionDef | ast.AsyncFunctionDef] | None:
    """The innermost method around a node, and its class; `None` if the object has no name there."""
    for parent, child in reversed(list(pairwise(way))):
        if isinstance(parent, ast.ClassDef):
            if not isinstance(child, Function) or not parameters(child) or (child.decorator_list and _is_static(child)):
                return None
            return parent, child
    return None


def _is_static(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    names = {ast.unparse(each) for each in method.decorator_list}
    return bool(names & {"staticmethod", "classmethod"})


def _given(files: Project, owner: ast.ClassDef, depth: int) -> Iterator[tuple[str, ast.expr | None]]:
    """What a class gives its objects before any of their methods runs, with the values; fields may have none."""
    for each in owner.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            yield each.target.id, None
        elif isinstance(each, Function) and each.name == "__init__":
            yield from _constructed(each)
    for base in owner.bases if depth else ():
        known = files.once(_classes).get(ast.unparse(base).rpartition(".")[2], ())
        if len(known) == 1:
            yield from _given(files, known[0], depth - 1)


def _constructed(constructor: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, ast.expr | None]]:
    """The attributes that a constructor gives an object before it calls one of its methods."""
    own = next(iter(parameters(constructor)), "")
    for statement in constructor.body:
        target, value = None, None
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target, value = statement.targets[0], statement.value
        elif isinstance(statement, ast.AnnAssign):
            target, value = statement.target, statement.value
        if any(_is_own(each.func, own) for each in ast.walk(statement) if isinstance(each, ast.Call)):
            return
        if isinstance(target, ast.Attribute) and _is_own(target, own) and value is not None:
            yield target.attr, value


def _is_own(node: ast.AST, own: str) -> bool:
    """Whether it is an attribute of the object itself."""
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == own


def _varies(files: Project, name: str, value: ast.expr | None) -> bool:
    """Whether a flag is told to the object, or changed from outside its constructor."""
    if not isinstance(value, ast.Constant):
        return True
    return any(
        not isinstance(each, ast.Constant) or each.value != value.value for each in files.once(_set).get(name, ())
    )


def _classes(files: Project) -> dict[str, list[ast.ClassDef]]:
    """The classes of a project by their names."""
    found: dict[str, list[ast.ClassDef]] = defaultdict(list)
    for file in files.values():
        for node in ast.walk(file.tree):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(node)
    return found


def _set(files: Project) -> dict[str, list[ast.expr]]:
    """What the attributes of objects are set to anywhere in a project, by their names."""
    found: dict[str, list[ast.expr]] = defaultdict(list)
    for file in files.values():
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Attribute):
                        found[target.attr].append(node.value)
    return found
