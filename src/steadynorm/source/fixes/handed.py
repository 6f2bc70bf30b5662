"""The mode as an argument: which expression a function has for it, and how a call is handed it."""

from __future__ import annotations

import ast
import re

from steadynorm.fix import Edit
from steadynorm.source.fixes.arguments import set_keyword
from steadynorm.source.fixes.errors import NoFixError, WithheldError
from steadynorm.source.fixes.origin import alias_of
from steadynorm.source.fixes.scopes import Function, assigned, functions_around, parameters, text_of
from steadynorm.source.fixes.style import indentation
from steadynorm.source.reading.files import SourceFile

_MODE = re.compile(r"(?:is_?|in_?)?train(?:ing)?(?:_?(?:phase|mode|flag))?$|phase_?train$")
_OPPOSITE = re.compile(r"(?:use_running_average|deterministic|(?:is_?)?(?:inference|eval(?:uation)?|test(?:ing)?))$")


def mode_around(way: tuple[ast.AST, ...], keyword: str) -> str | None:
    """What a function around a node has for an argument that tells the mode, as `not train` for `deterministic`."""
    for function in functions_around(way):
        for name in parameters(function):
            found = same_mode(name, keyword)
            if found is not None:
                return found
    return None


def same_mode(name: str, keyword: str) -> str | None:
    """A mode under one name as the value of an argument of another name; `None` if it is not known to be one."""
    last = name.rpartition(".")[2]
    if _MODE.match(last):
        return f"not {name}" if _OPPOSITE.match(keyword) else name
    if _OPPOSITE.match(last):
        return name if _OPPOSITE.match(keyword) else f"not {name}"
    return None


def estimators_mode(file: SourceFile, way: tuple[ast.AST, ...]) -> str:
    """The expression that asks an estimator's `mode` for training, as the function around a node has it.

    Raises:
        NoFixError: there is no such mode.
    """
    for name, value, _ in assigned(way):
        if _asks_for_training(value):
            return name
    for function in functions_around(way):
        if "mode" in parameters(function):
            for node in ast.walk(function):
                if isinstance(node, ast.expr) and _asks_for_training(node):
                    return text_of(file, node)
            tensorflow = alias_of(file, "tensorflow")
            if tensorflow is not None:
                return f"mode == {tensorflow}.estimator.ModeKeys.TRAIN"
    raise NoFixError("no mode around")


def _asks_for_training(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Compare)
        and isinstance(node.left, ast.Name)
        and node.left.id == "mode"
        and isinstance(node.ops[0], ast.Eq)
        and ast.unparse(node.comparators[0]).endswith("ModeKeys.TRAIN")
    )


def set_mode(file: SourceFile, call: ast.Call, name: str, value: str) -> tuple[Edit, ...]:
    """Makes `name=value` the mode of a call.

    Raises:
        WithheldError: a `**mapping` of the call may have the mode in it, and a call that has it twice is an error.
    """
    require_no_spread(file, call, name)
    return set_keyword(file, call, name, value)


def require_no_spread(file: SourceFile, call: ast.Call, name: str) -> None:
    """Lets a call be that is not known to leave an argument out.

    Raises:
        WithheldError: a `**mapping` of the call may have it.
    """
    spread = next((each.value for each in call.keywords if each.arg is None), None)
    if spread is not None and all(each.arg != name for each in call.keywords):
        raise WithheldError(f"There is no fix for this call, since '**{text_of(file, spread)}' may hold {name}= too.")


def with_parameter(file: SourceFile, function: Function, name: str, default: str) -> tuple[Edit, ...]:
    """Puts a parameter with a default behind the positional ones of a function.

    Raises:
        NoFixError: it has none to put it behind.
    """
    spec = function.args
    if not spec.args:
        raise NoFixError("no parameters")
    last: ast.AST = spec.defaults[-1] if spec.defaults else spec.args[-1]
    end = file.span(file.place(last))[1]
    code = f"{name}={default}"
    if spec.args[-1].annotation is not None:
        code = f"{name}: bool | None = {default}" if default == "None" else f"{name}: bool = {default}"
    line = spec.args[-1].lineno
    alone = file.lines.line(line)[: file.lines.position(file.span(file.place(spec.args[-1]))[0])[1]]
    between = f"{file.newline}{indentation(file, line)}" if not alone.strip() else " "
    return (Edit(file.path, end, end, f",{between}{code}"),)


def set_entry(file: SourceFile, table: ast.Dict, key: str, value: str) -> tuple[Edit, ...]:
    """Makes `key: value` an entry of a dict that is written out; the key as it is to be written.

    Raises:
        NoFixError: it has no entries to put it behind.
    """
    for each, old in zip(table.keys, table.values, strict=True):
        if each is not None and ast.unparse(each) == ast.unparse(ast.parse(key, mode="eval").body):
            start, end = file.span(file.place(old))
            return (Edit(file.path, start, end, value),)
    if not table.keys or table.keys[-1] is None:
        raise NoFixError("no entries")
    last = table.keys[-1]
    end = file.span(file.place(table.values[-1]))[1]
    line, column = file.lines.position(file.span(file.place(last))[0])
    alone = not file.lines.line(line)[:column].strip()
    between = f"{file.newline}{indentation(file, line)}" if alone else " "
    return (Edit(file.path, end, end, f",{between}{key}: {value}"),)
