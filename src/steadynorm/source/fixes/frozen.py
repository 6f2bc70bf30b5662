"""The fixes of a freeze by `eval()` that `train()` undoes: it is repeated there, or a part of it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from steadynorm.finding import Finding
from steadynorm.fix import Edit
from steadynorm.source.editing.nodes import Standing, standing_at
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.fixes.found import call_of, nodes_of
from steadynorm.source.fixes.registry import fixes
from steadynorm.source.fixes.scopes import (
    Function,
    bound,
    class_around,
    functions_around,
    lineage,
    names_in,
    parameters,
    standings,
    text_of,
)
from steadynorm.source.fixes.statements import insert_after, remove
from steadynorm.source.fixes.style import indentation, unit
from steadynorm.source.reading.files import SourceFile

_FREEZES = ("eval", "requires_grad_", "train", "modules", "named_modules", "children", "parameters", "named_parameters")
_MODULES = ("Module", "LightningModule", "PreTrainedModel")


@fixes("SN603", "freeze in train()", safe=True)
def freeze_in_train(found: Finding, files: Mapping[str, SourceFile]) -> Iterable[Edit]:
    """Overrides `train()` in the class whose constructor freezes, so that it freezes again."""
    file, call = call_of(found, files)
    way = lineage(file.tree, call)
    owner, functions = class_around(way), functions_around(way)
    if owner is None or "frozen" not in found.evidence or len(functions) != 1 or not _is_module(owner):
        raise NoFixError("no constructor of a module")
    methods = {each.name: each for each in owner.body if isinstance(each, Function)}
    (method,) = functions
    constructor = methods.get("__init__")
    if "train" in methods or constructor is None:
        raise NoFixError("it has a train() already, or no constructor")
    if method is constructor:
        freeze = _whole(standings(way))
        outside = bound(method) | set(parameters(method)[1:])
        if freeze.parent is not method or names_in(freeze.statement) & (outside - bound(freeze.statement)):
            raise NoFixError("the freeze needs what the constructor has")
        body = _lines(file, freeze.statement)
    elif parameters(method) == ["self"] and _calls(constructor, f"self.{method.name}()"):
        body = [f"self.{method.name}()"]
    else:
        raise NoFixError("the freeze needs arguments")
    return (_override(file, owner, method, body),)


def _is_module(owner: ast.ClassDef) -> bool:
    return any(ast.unparse(base).rpartition(".")[2] in _MODULES for base in owner.bases)


def _calls(function: Function, text: str) -> bool:
    return any(isinstance(node, ast.Call) and ast.unparse(node) == text for node in ast.walk(function))


def _override(file: SourceFile, owner: ast.ClassDef, method: Function, body: list[str]) -> Edit:
    end = file.lines.end(method.end_lineno or method.lineno)
    outer = indentation(file, method.lineno)
    inner = outer + unit(file, Standing(method.body[0], method.body, method))
    methods = [each for each in owner.body if isinstance(each, Function)]
    typed = any(each.returns is not None for each in methods)
    header = f'def train(self, mode: bool = True) -> "{owner.name}":' if typed else "def train(self, mode=True):"
    lines = [
        f"{outer}{header}",
        *(f"{inner}{line}" for line in (f"{_super(methods)}.train(mode)", *body, "return self")),
    ]
    return Edit(file.path, end, end, "".join(f"{file.newline}{line}" for line in ("", *lines)))


def _super(methods: list[Function]) -> str:
    """How the class calls what it inherits: `super()`, or the longer form of Python 2."""
    for method in methods:
        for node in ast.walk(method):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super":
                return ast.unparse(node)
    return "super()"


@fixes("SN603", "freeze again behind train()", safe=True)
def freeze_again(found: Finding, files: Mapping[str, SourceFile]) -> Iterable[Edit]:
    """Repeats the freeze behind the `train()` that undoes it; one that stands just before it is moved there."""
    file, call = call_of(found, files)
    way = lineage(file.tree, call)
    for other, by in nodes_of(found, files):
        undone = standing_at(other, other.place(by))
        if undone is None or not isinstance(undone.statement, ast.Expr) or undone.statement.value is not by:
            continue
        if not isinstance(by.func, ast.Attribute) or by.func.attr != "train":
            continue
        model = text_of(other, by.func.value)
        here = functions_around(way)
        there = functions_around(lineage(other.tree, by))
        if other is file and here == there:
            return _repeated(file, _whole(standings(way)), undone, model)
        if here and class_around(way) is None:
            return insert_after(other, undone, _call_again(other, here[-1], files, model))
    raise NoFixError("no train() where the freeze could be repeated")


def _repeated(file: SourceFile, freeze: Standing, undone: Standing, model: str) -> tuple[Edit, ...]:
    if model.partition(".")[0] not in names_in(freeze.statement):
        raise NoFixError("another model is frozen")
    again = insert_after(file, undone, *_lines(file, freeze.statement))
    # Two functions without a name are not known to freeze the same: there is to be one.
    nameless = any(isinstance(each, ast.Lambda) for each in ast.walk(freeze.statement))
    moved = nameless or (freeze.block is undone.block and freeze.index < undone.index)
    return (*remove(file, freeze), *again) if moved else again


def _call_again(file: SourceFile, function: Function, files: Mapping[str, SourceFile], model: str) -> str:
    """The call that freezes, as it is written elsewhere, of the model that train() was called on."""
    visible = bound(file.tree) | {
        alias.asname or alias.name
        for node in ast.walk(file.tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    if function.name not in visible:
        raise NoFixError("the function has no name there")
    for target, form in _uses(files, function.name):
        root, _, rest = target.partition(".")
        if target == model or root == model.partition(".")[0] or not rest:
            own = target if root == model.partition(".")[0] else model
            return form.format(own)
    raise NoFixError("what is frozen has no name there")


def _uses(files: Mapping[str, SourceFile], name: str) -> Iterator[tuple[str, str]]:
    """What a function is called on or applied to, and the form of the call."""
    for file in files.values():
        for node in ast.walk(file.tree):
            if not isinstance(node, ast.Call) or len(node.args) != 1 or node.keywords:
                continue
            (argument,) = node.args
            if isinstance(node.func, ast.Attribute) and node.func.attr == "apply" and ast.unparse(argument) == name:
                yield ast.unparse(node.func.value), f"{{}}.apply({name})"
            elif (
                isinstance(node.func, ast.Name)
                and node.func.id == name
                and isinstance(argument, ast.Name | ast.Attribute)
            ):
                yield ast.unparse(argument), f"{name}({{}})"


def _whole(around: list[Standing]) -> Standing:
    """The outermost loop or condition around a freeze that does nothing else."""
    if not around:
        raise NoFixError("it stands in no statement")
    found = around[-1]
    for standing in reversed(around[:-1]):
        if not isinstance(standing.statement, ast.For | ast.If) or not _only_freezes(standing.statement):
            break
        found = standing
    return found


def _only_freezes(statement: ast.stmt) -> bool:
    for node in ast.walk(statement):
        if isinstance(node, ast.stmt) and not isinstance(node, ast.For | ast.If | ast.Expr | ast.Assign | ast.Pass):
            return False
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).rpartition(".")[2] != "requires_grad":
            return False
        if isinstance(node, ast.Expr) and not (
            isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Attribute)
            and node.value.func.attr in _FREEZES
        ):
            return False
    return True


def _lines(file: SourceFile, statement: ast.stmt) -> list[str]:
    """The lines of a statement, as deep as they stand within it."""
    blanks = indentation(file, statement.lineno)
    return [line.removeprefix(blanks).rstrip() for line in text_of(file, statement).splitlines()]
