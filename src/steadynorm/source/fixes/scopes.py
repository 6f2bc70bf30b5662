"""What stands around a node: its functions, their parameters, and each statement on the way to it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from steadynorm.source.editing.nodes import Standing, blocks_of
from steadynorm.source.reading.files import SourceFile

Function = ast.FunctionDef | ast.AsyncFunctionDef

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def lineage(tree: ast.Module, node: ast.AST) -> tuple[ast.AST, ...]:
    """The nodes from the module down to a node, itself last."""
    parents, way = _parents(tree), [node]
    while way[-1] is not tree:
        way.append(parents[way[-1]])
    return tuple(reversed(way))


@lru_cache(maxsize=1024)
def _parents(tree: ast.Module) -> dict[ast.AST, ast.AST]:
    """What each node of a file is a part of."""
    return {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}


def standings(way: tuple[ast.AST, ...]) -> list[Standing]:
    """The statements on the way to a node, outermost first, of its own function only; none outside of statements."""
    scope = next((index for index in range(len(way) - 2, 0, -1) if isinstance(way[index], _SCOPES)), 0)
    found: list[Standing] = []
    for parent, child in pairwise(way[scope:]):
        for block in blocks_of(parent):
            if isinstance(child, ast.stmt) and any(each is child for each in block):
                found.append(Standing(child, block, parent))
    return found


def functions_around(way: tuple[ast.AST, ...]) -> list[Function]:
    """The functions that a node stands in, innermost first."""
    return [each for each in reversed(way[:-1]) if isinstance(each, Function)]


def class_around(way: tuple[ast.AST, ...]) -> ast.ClassDef | None:
    """The class that has the method that a node stands in."""
    for parent, child in reversed(list(pairwise(way))):
        if isinstance(child, Function):
            return parent if isinstance(parent, ast.ClassDef) else None
    return None


def parameters(function: Function) -> list[str]:
    """The names of what a function takes, without `*` and `**`."""
    spec = function.args
    return [each.arg for each in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]


def named_inside(way: tuple[ast.AST, ...]) -> set[str]:
    """The names that a node has from lambdas and comprehensions around it, which no statement can use."""
    found: set[str] = set()
    for each in way:
        if isinstance(each, ast.Lambda):
            found |= {argument.arg for argument in ast.walk(each.args) if isinstance(argument, ast.arg)}
        elif isinstance(each, _COMPREHENSIONS):
            found |= {name for generator in each.generators for name in bound(generator.target)}
    return found


def bound(node: ast.AST) -> set[str]:
    """The names that a piece of code gives a value."""
    found = {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    return found | {each.name for each in ast.walk(node) if isinstance(each, Function | ast.ClassDef)}


def names_in(node: ast.AST) -> set[str]:
    """The names that a piece of code mentions."""
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def assigned(way: tuple[ast.AST, ...]) -> Iterator[tuple[str, ast.expr, Standing]]:
    """What names and attributes were given before a node, in the blocks around it, in its function: the last first."""
    for standing in reversed(standings(way)):
        for each in reversed(standing.block[: standing.index]):
            if isinstance(each, ast.Assign) and len(each.targets) == 1:
                yield ast.unparse(each.targets[0]), each.value, Standing(each, standing.block, standing.parent)


def only_value(file: SourceFile, way: tuple[ast.AST, ...], name: str) -> ast.expr | None:
    """What a name was given before a node, if it is given a value once in its function and read once, at the node."""
    scope = next(iter(functions_around(way)), file.tree)
    mentions = [each for each in ast.walk(scope) if isinstance(each, ast.Name) and each.id == name]
    if len(mentions) != 2 or sum(isinstance(each.ctx, ast.Load) for each in mentions) != 1:
        return None
    return next((value for text, value, _ in assigned(way) if text == name), None)


def is_visible(file: SourceFile, way: tuple[ast.AST, ...], name: str) -> bool:
    """Whether a name has a value where a node stands: in its function, in those around it, or in its module."""
    root = name.partition(".")[0]
    for function in functions_around(way):
        if root in parameters(function):
            return root == name or root == "self"
    own = [text for text, _, _ in assigned(way)]
    inner = functions_around(way)
    outer = [*inner, file.tree] if inner else []
    return name in own or any(
        ast.unparse(target) == name
        for scope in outer
        for each in scope.body
        if isinstance(each, ast.Assign) and each.lineno < way[-1].lineno  # type: ignore[attr-defined]
        for target in each.targets
    )


def text_of(file: SourceFile, node: ast.expr | ast.stmt) -> str:
    """How something is written."""
    return file.text[slice(*file.span(file.place(node)))]
