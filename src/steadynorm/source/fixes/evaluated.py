"""The fix of evaluations in training mode, of models whose mode is an attribute: `eval()` before them."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from steadynorm.finding import Finding
from steadynorm.fix import Edit
from steadynorm.source.editing.nodes import Standing
from steadynorm.source.fixes.callers import Level, Loop, called, calls_named, lifted, name_of, ways_to
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.fixes.followed import is_trained_through, untrained_caller
from steadynorm.source.fixes.found import call_of
from steadynorm.source.fixes.index import index_of
from steadynorm.source.fixes.loops import Shared, loops_around, shared_loop
from steadynorm.source.fixes.project import Project
from steadynorm.source.fixes.registry import fixes
from steadynorm.source.fixes.scopes import bound, named_inside, text_of
from steadynorm.source.fixes.statements import insert_after, insert_before, replace

_TRAINS = ("backward", "manual_backward", "value_and_grad", "grad")
_ENDS = (ast.Return, ast.Yield, ast.YieldFrom)
_BY_MODE = ("eval", "mode")


@fixes("SN201", "switch to inference mode", safe=True)
def evaluate(found: Finding, files: Project) -> Iterable[Edit]:
    """Calls `eval()` before an evaluation or prediction, and `train()` behind it where nothing else would."""
    return _evaluated(found, files, written=False)


# Somebody wrote it: batch moments, or dropout in predictions, may be meant.
@fixes("SN201", "switch to inference mode", safe=False)
def evaluate_instead(found: Finding, files: Project) -> Iterable[Edit]:
    """Turns the `train()` that stands before an evaluation into `eval()`."""
    return _evaluated(found, files, written=True)


def _evaluated(found: Finding, files: Project, written: bool) -> Iterable[Edit]:
    """The edits for an evaluation before which `train()` is written out, or before which it is not."""
    if found.evidence.get("how") not in _BY_MODE:
        raise NoFixError("the mode is an argument")
    if found.evidence.get("shared"):
        raise NoFixError("training goes through every call that leads here")
    file, call = call_of(found, files)
    ways = ways_to(files, file, call)
    level = ways[0][0]
    name = _model_of(level, files) if "inner" not in found.evidence else _model_within(found, files, call)
    forgotten = _without_brackets(level, name)
    if forgotten is not None and not written:
        return replace(file, forgotten, f"{text_of(file, forgotten)}()")
    training = files.once(_training)
    if _trains_itself(level, training):
        raise NoFixError("the same call trains in another phase")
    if is_trained_through(ways, files):
        if written:
            raise NoFixError("train() is not written out")
        return _at_the_caller(found, files, ways, name, training)
    standing = _outermost(level, name, training)
    opposite = _opposite(standing, name, training)
    if (opposite is not None) is not written:
        raise NoFixError("train() is written out" if opposite else "train() is not written out")
    if opposite is None:
        before = insert_before(file, standing, f"{name}.eval()")
    else:
        before = replace(file, opposite, f"{name}.eval()")
    if found.evidence.get("hook"):
        if _leaves(standing.statement):
            raise NoFixError("nothing can stand behind what gives back a result")
        return (*before, *insert_after(file, standing, f"{name}.train()"))
    shared = _goes_on(files, ways)
    if shared is None or found.evidence.get("then") == "":
        # The loop trains another model, or makes this one anew each time.
        return before
    if _leaves(standing.statement):
        evaluations, deep = shared.second
        text = lifted(name, evaluations, deep)
        if not isinstance(shared.loop, Loop) or text.partition(".")[0] in bound(shared.loop):
            raise NoFixError("what is switched is another one each time")
        body = shared.loop.body
        start = Standing(body[0], body, shared.loop)
        return (*before, *insert_before(evaluations[deep].file, start, f"{text}.train()"))
    return (*before, *insert_after(file, standing, f"{name}.train()"))


def _at_the_caller(
    found: Finding, files: Project, ways: list[tuple[Level, ...]], name: str, training: set[int]
) -> Iterable[Edit]:
    """`eval()` in the program that evaluates, where another one trains through the function that calls the model."""
    callers = found.evidence.get("callers")
    own = [way for way in ways if [_place_of(each) for each in way[1:]] == callers]
    height = untrained_caller(own[0], files) if len(own) == 1 else None
    if height is None or found.evidence.get("resumed"):
        raise NoFixError("another program trains through the same function")
    level = own[0][height]
    text = lifted(name, own[0], height)
    if _trains_itself(level, training):
        raise NoFixError("the same call trains in another phase")
    return insert_before(level.file, _outermost(level, text, training), f"{text}.eval()")


def _place_of(level: Level) -> str:
    return str(level.file.place(level.node))


def _leaves(statement: ast.stmt) -> bool:
    """Whether a statement gives something back, so that nothing behind it is surely run."""
    return any(isinstance(each, _ENDS) for each in ast.walk(statement))


def _model_of(level: Level, files: Project) -> str:
    """The model that is called, also by another of its methods than `forward`."""
    node = level.node
    assert isinstance(node, ast.Call)
    if isinstance(node.func, ast.Attribute):
        is_method = any(node.func.attr in index_of(file.tree).methods for file in files.values())
        if is_method and isinstance(node.func.value, ast.Name | ast.Attribute):
            return name_of(level.file, node.func.value, level.way)
    return called(level)


def _model_within(found: Finding, files: Project, call: ast.Call) -> str:
    """What the model is called around a call of a function that calls it."""
    path, _, line = str(found.evidence["inner"]).rpartition(":")
    is_there = path in files and line.isdigit()
    for each in index_of(files[path].tree).begun.get(int(line), ()) if is_there else ():
        if ast.unparse(each.func) != found.evidence.get("calls"):
            continue
        for way in ways_to(files, files[path], each):
            for height, level in enumerate(way):
                if level.node is call:
                    text = lifted(_model_of(way[0], files), way, height)
                    if text.partition(".")[0] in named_inside(level.way):
                        raise NoFixError("the model has no name")
                    return text
    raise NoFixError("the model's own call is not found")


def _without_brackets(level: Level, name: str) -> ast.expr | None:
    """A statement `model.eval` before the evaluation, which only names the method."""
    for standing in level.standings:
        for each in standing.block[: standing.index]:
            if isinstance(each, ast.Expr) and ast.unparse(each.value) == f"{name}.eval":
                return each.value
    return None


def _opposite(standing: Standing, name: str, training: set[int]) -> ast.expr | None:
    """A `train()` of the model that stands before its evaluation, and no training between them."""
    for each in reversed(standing.block[: standing.index]):
        if (
            isinstance(each, ast.Expr)
            and switches_on(each.value)
            and ast.unparse(each.value).startswith(f"{name}.train(")
        ):
            return each.value
        if any(id(node) in training for node in ast.walk(each)):
            return None
    return None


def _trains_itself(level: Level, training: set[int]) -> bool:
    """Whether a gradient is taken behind the call in its own block, as where one loop goes through both phases."""
    if not level.standings:
        return False
    innermost = level.standings[-1]
    behind = innermost.block[innermost.index :]
    return any(id(each) in training for statement in behind for each in ast.walk(statement))


def _outermost(level: Level, name: str, training: set[int]) -> Standing:
    """The outermost `with` and loop around an evaluation that only evaluate this model."""
    root = name.partition(".")[0]
    around = level.standings
    if not around:
        raise NoFixError("it stands in no statement")
    found = around[-1]
    for standing in reversed(around[:-1]):
        statement = standing.statement
        climbs = isinstance(statement, ast.With | ast.AsyncWith | Loop)
        if not climbs or root in bound(statement) or any(id(each) in training for each in ast.walk(statement)):
            break
        found = standing
    return found


def _training(files: Project) -> set[int]:
    """The calls that lead to a gradient, directly or through functions."""
    steps = (each for name in _TRAINS for each in calls_named(files, name))
    return {id(level.node) for step in steps for way in ways_to(files, *step) for level in way}


def _goes_on(files: Project, ways: list[tuple[Level, ...]]) -> Shared | None:
    """The loop that trains on after the evaluation, if nothing in it calls `train()`."""
    around = loops_around(ways)
    trained = files.once(_trained_loops)
    first = min((trained[each] for each in around if each in trained), default=None, key=lambda each: each[0])
    if first is None or around & files.once(_switched_loops):
        return None
    return shared_loop(first[1], ways)


def _trained_loops(files: Project) -> dict[int, tuple[int, list[tuple[Level, ...]]]]:
    """The loops that take a gradient, each with the first step in it: its number and the ways to it."""
    found: dict[int, tuple[int, list[tuple[Level, ...]]]] = {}
    steps = (each for name in _TRAINS for each in calls_named(files, name))
    for number, step in enumerate(steps):
        ways = ways_to(files, *step)
        for loop in loops_around(ways):
            found.setdefault(loop, (number, ways))
    return found


def _switched_loops(files: Project) -> set[int]:
    """The loops that call `train()`."""
    switches = (each for each in calls_named(files, "train") if switches_on(each[1]))
    return {loop for each in switches for loop in loops_around(ways_to(files, *each))}


def switches_on(node: ast.AST) -> bool:
    """Whether it is a call of `train()`, and not of `train(False)`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "train":
        return False
    values = [*node.args, *(each.value for each in node.keywords)]
    return not any(isinstance(each, ast.Constant) and each.value is False for each in values)
