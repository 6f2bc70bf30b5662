"""Fixes of training in inference mode, of models whose mode is an attribute: `train()` before it goes on."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from steadynorm.finding import Finding
from steadynorm.fix import Edit
from steadynorm.source.editing.nodes import Standing
from steadynorm.source.fixes.callers import Level, Loop, called, calls_of, lifted, name_of, ways_to
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.fixes.evaluated import switches_on
from steadynorm.source.fixes.found import call_of, nodes_of
from steadynorm.source.fixes.loops import Shared, loops_around, shared_loop
from steadynorm.source.fixes.project import Project
from steadynorm.source.fixes.registry import fixes
from steadynorm.source.fixes.scopes import bound, functions_around, lineage, names_in, parameters, text_of
from steadynorm.source.fixes.statements import insert_after, insert_before, replace
from steadynorm.source.fixes.style import unit
from steadynorm.source.reading.files import SourceFile

_LEAVES = (ast.Return, ast.Yield, ast.YieldFrom, ast.Break, ast.Continue)
_BEFORE_TRAINING = ("on_train_start", "on_train_epoch_start", "on_epoch_start", "on_train_batch_start")
_SIMPLE = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign)


@fixes("SN203", "train in training mode", safe=True)
def train_again(found: Finding, files: Project) -> Iterable[Edit]:
    """Calls `train()` at the start of each epoch, or behind an evaluation that interrupts one; in all loops that come
    to the same evaluation."""
    edits = (edit for steps in _trained(found, files) for edit in _again_for(found, files, steps))
    return dict.fromkeys(edits)


def _again_for(found: Finding, files: Project, steps: list[tuple[SourceFile, ast.Call]]) -> Iterable[Edit]:
    """Switches back for the first of several calls, one of which trains, that is in a loop with the evaluation."""
    file, call = call_of(found, files)
    again = _again(file, call)
    ways = ways_to(files, file, call)
    for other, step in steps:
        shared = shared_loop(ways_to(files, other, step), ways)
        if shared is not None:
            return _in_loop(shared, again)
    if not isinstance(call.func, ast.Attribute) or not _switches_off(call):
        raise NoFixError("the training loop is not found")
    for other, step in steps:
        at_once = _in_step(files, Level(other, step, lineage(other.tree, step)))
        if at_once is not None:
            return at_once
    evaluation = Level(file, call, ways[0][0].way)
    function = evaluation.function
    if function is None or next(calls_of(files, function), None) is not None:
        raise NoFixError("the training loop is not found")
    # A framework calls it within its own loop.
    return _behind(evaluation, text_of(file, call.func.value))


@dataclass(frozen=True, slots=True)
class Again:
    """What switches back.

    Arguments:
        file: the file that it stands in.
        model: the model that is switched; empty for Keras' learning phase, which all models have in common.
        code: the call for Keras' learning phase.
    """

    file: SourceFile
    model: str
    code: str = ""

    def said(self, file: SourceFile, model: str) -> str:
        """The statement, in a file, of a model by its name there.

        Raises:
            NoFixError: it cannot be said there.
        """
        if not self.code:
            return f"{model}.train()"
        if file is not self.file:
            raise NoFixError("the learning phase has no name there")
        return self.code


def _again(file: SourceFile, call: ast.Call) -> Again:
    if not isinstance(call.func, ast.Attribute):
        raise NoFixError("no method")
    if _switches_off(call):
        return Again(file, name_of(file, call.func.value, lineage(file.tree, call)))
    if call.func.attr == "set_learning_phase":
        return Again(file, "", f"{text_of(file, call.func)}(1)")
    raise NoFixError("no eval()")


def _switches_off(call: ast.Call) -> bool:
    """Whether it is `eval()`, or `train(False)`."""
    assert isinstance(call.func, ast.Attribute)
    if call.func.attr == "eval":
        return not call.args
    return call.func.attr == "train" and not switches_on(call)


def _in_step(files: Project, level: Level) -> tuple[Edit, ...] | None:
    """Switches at the beginning of a function that trains a step and is handed to a library that calls it."""
    function = level.function
    if function is None or level.loops or parameters(function)[:1] == ["self"]:
        return None
    if next(calls_of(files, function), None) is not None:
        return None
    body = function.body
    first = body[1:] if ast.get_docstring(function) is not None else body
    if not first:
        return None
    return insert_before(level.file, Standing(first[0], body, function), f"{called(level)}.train()")


def _trained(found: Finding, files: Project) -> list[list[tuple[SourceFile, ast.Call]]]:
    """For each loop the calls of which one is that of the model that is trained: those of its name if the finding has
    it, else the innermost first."""
    near = list(nodes_of(found, files))[::-1]
    names: Mapping[str, str] = found.evidence.get("trained_at") or {}  # type: ignore[assignment]
    if not names:
        return [_of_name(near, found.evidence.get("trained"))]
    return [_of_name([each for each in near if _place(*each) == place], name) for place, name in names.items()]


def _of_name(calls: list[tuple[SourceFile, ast.Call]], name: object) -> list[tuple[SourceFile, ast.Call]]:
    return [each for each in calls if ast.unparse(each[1].func) == name] or calls


def _place(file: SourceFile, call: ast.Call) -> str:
    return f"{file.path}:{call.lineno}"


def _in_loop(shared: Shared, again: Again) -> tuple[Edit, ...]:
    steps, high = shared.first
    evaluations, deep = shared.second
    for height in range(high - 1, -1, -1):
        # A function that trains for an epoch.
        level = steps[height]
        if level.loops:
            text = "" if again.code else lifted(called(steps[0]), steps, height)
            standing = next(each for each in level.standings if each.statement is level.loops[0])
            _require_unbound(text, level.loops[0])
            return insert_before(level.file, standing, again.said(level.file, text))
    if not isinstance(shared.loop, Loop):
        raise NoFixError("a comprehension takes no statement")
    level, evaluation = steps[high], evaluations[deep]
    inside = level.loops[-1] is not shared.loop
    text = "" if again.code else lifted(again.model, evaluations, deep)
    code = [again.said(level.file, text)]
    start = Standing(shared.loop.body[0], shared.loop.body, shared.loop)
    each = None if again.code or deep else _loop_over(evaluation.loops[evaluation.loops.index(shared.loop) + 1 :], text)
    if each is not None:
        if names_in(each.iter) & bound(shared.loop):
            raise NoFixError("what is switched is another one each time")
        code = [
            f"for {text_of(level.file, each.target)} in {text_of(level.file, each.iter)}:",
            f"{unit(level.file, start)}{code[0]}",
        ]
    else:
        _require_unbound(text, shared.loop)
    if not inside and deep:
        standing = evaluation.standings[-1]
        if isinstance(standing.statement, _SIMPLE):
            return insert_after(evaluation.file, standing, *code)
    return insert_before(level.file, start, *code)


def _loop_over(inner: list[Loop], text: str) -> ast.For | None:
    """The loop that gives the model its name, where several are switched one after the other."""
    if len(inner) != 1 or not isinstance(inner[0], ast.For) or text.partition(".")[0] not in bound(inner[0].target):
        return None
    return inner[0] if _is_repeated(inner[0].iter) else None


def _is_repeated(over: ast.expr) -> bool:
    """Whether something gives the same each time that it is gone through: a list, a tuple, what a dict holds."""
    if isinstance(over, ast.Call):
        held = isinstance(over.func, ast.Attribute) and over.func.attr in ("values", "items", "children", "modules")
        return held and not over.args and not over.keywords
    return isinstance(over, ast.List | ast.Tuple) and all(
        isinstance(each, ast.Name | ast.Attribute) for each in over.elts
    )


def _require_unbound(text: str, node: ast.AST) -> None:
    if text.partition(".")[0] in bound(node):
        raise NoFixError("what is switched is another one each time")


def _behind(level: Level, name: str) -> tuple[Edit, ...]:
    """Switches back behind the last statement of a block that the model is used in."""
    if not level.standings:
        raise NoFixError("it stands in no statement")
    standing = level.standings[-1]
    root = name.partition(".")[0]
    using = [each for each in standing.block[standing.index + 1 :] if root in names_in(each)]
    last = using[-1] if using else None
    if last is None or any(isinstance(each, _LEAVES) for one in using for each in ast.walk(one)):
        raise NoFixError("the evaluation has no end here")
    return insert_after(level.file, Standing(last, standing.block, standing.parent), f"{name}.train()")


@fixes("SN202", "train in training mode", safe=True)
def train_first(found: Finding, files: Project) -> Iterable[Edit]:
    """Calls `train()` where the training begins."""
    file, call = call_of(found, files)
    if found.evidence.get("how") != "mode" or _turned_off(found, files) is not None:
        raise NoFixError("nothing has called eval()")
    around = _loops_around_switches(found, files)
    for way in ways_to(files, file, call):
        for height, level in enumerate(way):
            if level.loops:
                name = lifted(called(way[0]), way, height)
                loops = [each for each in level.loops if id(each) not in around]
                if not loops:
                    raise NoFixError("the model is switched within the loop that trains it")
                outermost = loops[0]
                _require_unbound(name, outermost)
                if len(loops) > 1:
                    body = outermost.body
                    return insert_before(level.file, Standing(body[0], body, outermost), f"{name}.train()")
                standing = next(each for each in level.standings if each.statement is outermost)
                return insert_before(level.file, standing, f"{name}.train()")
    raise NoFixError("the training loop is not found")


def _loops_around_switches(found: Finding, files: Project) -> set[int]:
    """The loops that go through the call which leaves the model in inference mode: before them, `train()` is undone."""
    switches = [
        (file, node)
        for file, node in nodes_of(found, files)
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("eval", "train")
    ]
    return {loop for each in switches for loop in loops_around(ways_to(files, *each))}


# Somebody wrote it: the layers may be meant to be frozen.
@fixes("SN202", "train in training mode", safe=False)
def train_true(found: Finding, files: Project) -> Iterable[Edit]:
    """Turns `train(False)` before the training into `train()`."""
    turned = _turned_off(found, files)
    if found.evidence.get("how") != "mode" or turned is None:
        raise NoFixError("train() has no argument")
    file, call = turned
    return replace(file, call, f"{text_of(file, call.func)}()")


# Likewise.
@fixes("SN202", "train in training mode", safe=False)
def train_in_hook(found: Finding, files: Project) -> Iterable[Edit]:
    """Turns `eval()` in a hook that Lightning calls before it trains into `train()`."""
    if found.evidence.get("how") != "mode":
        raise NoFixError("nothing has called eval()")
    for file, node in nodes_of(found, files):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "eval" and not node.args:
            function = next(iter(functions_around(lineage(file.tree, node))), None)
            if function is not None and function.name in _BEFORE_TRAINING:
                return replace(file, node, f"{text_of(file, node.func.value)}.train()")
    raise NoFixError("no hook calls eval()")


def _turned_off(found: Finding, files: Project) -> tuple[SourceFile, ast.Call] | None:
    """The `train(False)` that a finding is about."""
    for file, node in nodes_of(found, files):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "train" and not switches_on(node):
            return file, node
    return None
