"""Fixes of modes that objects have: `eval()` before an evaluation, `train()` before the training goes on."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from steadynorm.finding import Finding
from steadynorm.fix import Edit
from steadynorm.source.files import SourceFile
from steadynorm.source.fixes.callers import Level, Loop, calls_of, lifted, ways_to
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.fixes.found import call_of, nodes_of
from steadynorm.source.fixes.registry import fixes
from steadynorm.source.fixes.scopes import Function, bound, names_in, text_of
from steadynorm.source.fixes.statements import insert_after, insert_before, replace
from steadynorm.source.nodes import Standing

_LEAVES = (ast.Return, ast.Yield, ast.YieldFrom, ast.Break, ast.Continue)
_SIMPLE = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign)


@dataclass(frozen=True, slots=True)
class Shared:
    """A loop that holds two places of a program.

    Arguments:
        loop: the loop.
        first: the way to the one place, and how many levels up it comes to the loop.
        second: likewise to the other.
    """

    loop: Loop
    first: tuple[tuple[Level, ...], int]
    second: tuple[tuple[Level, ...], int]


@fixes("SN203", "train in training mode", safe=True)
def train_again(found: Finding, files: Mapping[str, SourceFile]) -> Iterable[Edit]:
    """Calls `train()` at the start of each epoch, or behind an evaluation that interrupts one."""
    file, call = call_of(found, files)
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "eval" or call.args:
        raise NoFixError("no eval()")
    name = text_of(file, call.func.value)
    ways = ways_to(files, file, call)
    shared = None
    for other, step in _trained(found, files):
        shared = _shared(ways_to(files, other, step), ways)
        if shared is not None:
            return _in_loop(shared, name)
    evaluation = Level(file, call, ways[0][0].way)
    function = evaluation.function
    if function is None or next(calls_of(files, function), None) is not None:
        raise NoFixError("the training loop is not found")
    # A framework calls it within its own loop.
    return _behind(evaluation, name)


def _trained(found: Finding, files: Mapping[str, SourceFile]) -> list[tuple[SourceFile, ast.Call]]:
    """Where the model is called that is trained: by its name if the finding has it, else the innermost call."""
    name = found.evidence.get("trained")
    near = list(nodes_of(found, files))[::-1]
    return [each for each in near if ast.unparse(each[1].func) == name] or near


def _shared(steps: list[tuple[Level, ...]], others: list[tuple[Level, ...]]) -> Shared | None:
    """The innermost loop in which both are, with the fewest calls between."""
    found: list[tuple[int, int, Shared]] = []
    for step in steps:
        for other in others:
            for high, one in enumerate(step):
                for deep, two in enumerate(other):
                    loops = [each for each in one.loops if any(each is loop for loop in two.loops)]
                    if loops:
                        found.append((high + deep, len(found), Shared(loops[-1], (step, high), (other, deep))))
    return min(found, key=lambda each: each[:2])[2] if found else None


def _in_loop(shared: Shared, name: str) -> tuple[Edit, ...]:
    steps, high = shared.first
    evaluations, deep = shared.second
    for height in range(high - 1, -1, -1):
        # A function that trains for an epoch.
        level = steps[height]
        if level.loops:
            text = lifted(_called(steps[0]), steps, height)
            standing = next(each for each in level.standings if each.statement is level.loops[0])
            _require_unbound(text, level.loops[0])
            return insert_before(level.file, standing, f"{text}.train()")
    level, evaluation = steps[high], evaluations[deep]
    inside = level.loops[-1] is not shared.loop
    text = lifted(name, evaluations, deep)
    _require_unbound(text, shared.loop)
    if not inside and deep:
        standing = evaluation.standings[-1]
        if isinstance(standing.statement, _SIMPLE):
            return insert_after(evaluation.file, standing, f"{text}.train()")
    return insert_before(level.file, Standing(shared.loop.body[0], shared.loop.body, shared.loop), f"{text}.train()")


def _called(level: Level) -> str:
    """The model that is called in a place.

    Raises:
        NoFixError: it has no name.
    """
    model = level.node.func if isinstance(level.node, ast.Call) else level.node
    if isinstance(model, ast.Attribute) and model.attr == "forward":
        model = model.value
    if not isinstance(model, ast.Name | ast.Attribute):
        raise NoFixError("the model has no name")
    return text_of(level.file, model)


def _require_unbound(text: str, node: ast.AST) -> None:
    if text.partition(".")[0] in bound(node):
        raise NoFixError("what is switched is another one each time")


def _behind(level: Level, name: str) -> tuple[Edit, ...]:
    """Switches back behind the last statement of a block that the model is used in."""
    standing = level.standings[-1]
    root = name.partition(".")[0]
    using = [each for each in standing.block[standing.index + 1 :] if root in names_in(each)]
    last = using[-1] if using else None
    if last is None or any(isinstance(each, _LEAVES) for one in using for each in ast.walk(one)):
        raise NoFixError("the evaluation has no end here")
    return insert_after(level.file, Standing(last, standing.block, standing.parent), f"{name}.train()")


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
    if any(isinstance(each, _LEAVES[:3]) for each in ast.walk(standing.statement)):
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
    return _called(level)


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
    shared = next((each for each in (_shared(way, ways) for way in _ways(files, _trains)) if each is not None), None)
    if shared is None:
        return False
    return all(_shared(way, ways) is None for way in _ways(files, _switches_on))


def _ways(files: Mapping[str, SourceFile], is_meant: object) -> Iterator[list[tuple[Level, ...]]]:
    for file in files.values():
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Call) and is_meant(node):  # type: ignore[operator]
                yield ways_to(files, file, node)


def _switches_on(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "train":
        return False
    values = [*node.args, *(each.value for each in node.keywords)]
    return not any(isinstance(each, ast.Constant) and each.value is False for each in values)


@fixes("SN202", "train in training mode", safe=True)
def train_first(found: Finding, files: Mapping[str, SourceFile]) -> Iterable[Edit]:
    """Calls `train()` where the training begins."""
    file, call = call_of(found, files)
    if found.evidence.get("how") != "mode" or _turned_off(found, files) is not None:
        raise NoFixError("nothing has called eval()")
    for way in ways_to(files, file, call):
        for height, level in enumerate(way):
            if level.loops:
                name = lifted(_called(way[0]), way, height)
                outermost = level.loops[0]
                _require_unbound(name, outermost)
                if len(level.loops) > 1:
                    body = outermost.body
                    return insert_before(level.file, Standing(body[0], body, outermost), f"{name}.train()")
                standing = next(each for each in level.standings if each.statement is outermost)
                return insert_before(level.file, standing, f"{name}.train()")
    raise NoFixError("the training loop is not found")


# Somebody wrote it: the layers may be meant to be frozen.
@fixes("SN202", "train in training mode", safe=False)
def train_true(found: Finding, files: Mapping[str, SourceFile]) -> Iterable[Edit]:
    """Turns `train(False)` before the training into `train()`."""
    turned = _turned_off(found, files)
    if found.evidence.get("how") != "mode" or turned is None:
        raise NoFixError("train() has no argument")
    file, call = turned
    return replace(file, call, f"{text_of(file, call.func)}()")


def _turned_off(found: Finding, files: Mapping[str, SourceFile]) -> tuple[SourceFile, ast.Call] | None:
    """The `train(False)` that a finding is about."""
    for file, node in nodes_of(found, files):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "train" and not _switches_on(node):
            return file, node
    return None
