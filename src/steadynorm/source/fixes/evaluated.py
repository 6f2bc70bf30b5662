"""The fix of evaluations in training mode, of models whose mode is an attribute: `eval()` before them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping

from steadynorm.finding import Finding
from steadynorm.fix import Edit
from steadynorm.source.files import SourceFile
from steadynorm.source.fixes.callers import Level, Loop, called, ways_to
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.fixes.found import call_of
from steadynorm.source.fixes.loops import shared_loop
from steadynorm.source.fixes.registry import fixes
from steadynorm.source.fixes.scopes import Function, bound, text_of
from steadynorm.source.fixes.statements import insert_after, insert_before, replace
from steadynorm.source.nodes import Standing

_ENDS = (ast.Return, ast.Yield, ast.YieldFrom)
_BY_MODE = ("eval", "mode")


@fixes("SN201", "switch to inference mode", safe=True)
def evaluate(found: Finding, files: Mapping[str, SourceFile]) -> Iterable[Edit]:
    """Calls `eval()` before an evaluation or prediction, and `train()` behind it where nothing else would."""
    if found.evidence.get("how") not in _BY_MODE:
        raise NoFixError("the mode is an argument")
    file, call = call_of(found, files)
    ways = ways_to(files, file, call)
    level = ways[0][0]
    name = _model_of(level, files)
    forgotten = _without_brackets(level, name)
    if forgotten is not None:
        return replace(file, forgotten, f"{text_of(file, forgotten)}()")
    standing = _outermost(level, name)
    before = insert_before(file, standing, f"{name}.eval()")
    if found.evidence.get("resumed") is False or not _goes_on(files, ways):
        return before
    if any(isinstance(each, _ENDS) for each in ast.walk(standing.statement)):
        raise NoFixError("the evaluation ends in a return")
    return (*before, *insert_after(file, standing, f"{name}.train()"))


def _model_of(level: Level, files: Mapping[str, SourceFile]) -> str:
    """The model that is called, also by another of its methods than `forward`."""
    node = level.node
    assert isinstance(node, ast.Call)
    if isinstance(node.func, ast.Attribute):
        methods = {
            each.name
            for file in files.values()
            for node in ast.walk(file.tree)
            if isinstance(node, ast.ClassDef)
            for each in node.body
            if isinstance(each, Function)
        }
        if node.func.attr in methods and isinstance(node.func.value, ast.Name | ast.Attribute):
            return text_of(level.file, node.func.value)
    return called(level)


def _without_brackets(level: Level, name: str) -> ast.expr | None:
    """A statement `model.eval` before the evaluation, which only names the method."""
    for standing in level.standings:
        for each in standing.block[: standing.index]:
            if isinstance(each, ast.Expr) and ast.unparse(each.value) == f"{name}.eval":
                return each.value
    return None


def _outermost(level: Level, name: str) -> Standing:
    """The outermost `with` and loop around an evaluation that only evaluate this model."""
    root = name.partition(".")[0]
    around = level.standings
    found = around[-1]
    for standing in reversed(around[:-1]):
        statement = standing.statement
        climbs = isinstance(statement, ast.With | ast.AsyncWith | Loop)
        if not climbs or root in bound(statement) or any(_trains(each) for each in ast.walk(statement)):
            break
        found = standing
    return found


def _trains(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = ast.unparse(node.func).rpartition(".")[2]
    return name in ("backward", "value_and_grad", "grad", "zero_grad", "manual_backward")


def _goes_on(files: Mapping[str, SourceFile], ways: list[tuple[Level, ...]]) -> bool:
    """Whether a loop trains on after the evaluation, and nothing in it calls `train()`."""
    shared = next(
        (each for each in (shared_loop(way, ways) for way in _ways(files, _trains)) if each is not None), None
    )
    if shared is None:
        return False
    return all(shared_loop(way, ways) is None for way in _ways(files, switches_on))


def _ways(files: Mapping[str, SourceFile], is_meant: Callable[[ast.AST], bool]) -> Iterator[list[tuple[Level, ...]]]:
    for file in files.values():
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Call) and is_meant(node):
                yield ways_to(files, file, node)


def switches_on(node: ast.AST) -> bool:
    """Whether it is a call of `train()`, and not of `train(False)`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "train":
        return False
    values = [*node.args, *(each.value for each in node.keywords)]
    return not any(isinstance(each, ast.Constant) and each.value is False for each in values)
