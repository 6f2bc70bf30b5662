"""Whether a program trains through a function: by a gradient of what it gives, or of the function itself."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from steadynorm.source.fixes.callers import Level, Loop, calls_named, calls_of
from steadynorm.source.fixes.project import Project
from steadynorm.source.fixes.scopes import Function, bound, lineage, names_in

_TRANSFORMS = ("value_and_grad", "grad", "filter_value_and_grad", "filter_grad")
_BACKWARD = ("backward", "manual_backward", "gradient")
_GIVES = (ast.Assign, ast.AnnAssign, ast.AugAssign)
_DEEPEST = 4


def is_trained_through(ways: Iterable[tuple[Level, ...]], files: Project) -> bool:
    """Whether a gradient is taken through one of the functions on the ways to a place."""
    functions = {id(level.function): level.function for way in ways for level in way if level.function is not None}
    return any(files.once(_is_trained, each, _DEEPEST) for each in functions.values())


def untrained_caller(way: tuple[Level, ...], files: Project) -> int | None:
    """How many levels up on a way the first call is that no gradient is taken through; `None` if there is none."""
    for height in range(1, len(way)):
        level = way[height]
        if not _is_followed(level, files, _DEEPEST) and not is_trained_through([way[height:]], files):
            return height
    return None


def _is_trained(files: Project, function: Function, depth: int) -> bool:
    for name in _TRANSFORMS:
        for _, call in calls_named(files, name):
            if any(isinstance(each, ast.Name) and each.id == function.name for each in call.args):
                return True
    sites = (Level(file, call, lineage(file.tree, call)) for file, call in calls_of(files, function))
    return any(_is_followed(each, files, depth) for each in sites)


def _is_followed(level: Level, files: Project, depth: int) -> bool:
    """Whether a gradient is taken of what a call gives, in its statement or behind it, by the names that it has."""
    if not level.standings:
        return False
    own = level.standings[-1].statement
    if isinstance(own, ast.Return):
        function = level.function
        return depth > 0 and function is not None and files.once(_is_trained, function, depth - 1)
    if isinstance(own, (ast.Expr, *_GIVES)) and _takes_gradient(own, None):
        return True
    given = bound(own) if isinstance(own, _GIVES) else set()
    for standing in reversed(level.standings):
        # What another loop does with a name is about another value.
        if isinstance(standing.statement, Loop):
            break
        for statement in standing.block[standing.index + 1 :]:
            if _takes_gradient(statement, given):
                return True
            if names_in(statement) & given:
                given |= bound(statement)
    return False


def _takes_gradient(statement: ast.stmt, of: set[str] | None) -> bool:
    """Whether a statement takes a gradient of one of these names; `None`: of anything."""
    return any(
        isinstance(each, ast.Call)
        and isinstance(each.func, ast.Attribute)
        and each.func.attr in _BACKWARD
        and (of is None or names_in(each) & of)
        for each in ast.walk(statement)
    )
