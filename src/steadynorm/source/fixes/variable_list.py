"""The fix of a list that is the result of a method that changes a list and returns nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from steadynorm.finding import Finding
from steadynorm.fix import Edit
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.fixes.found import standing_of
from steadynorm.source.fixes.registry import fixes
from steadynorm.source.fixes.statements import replace
from steadynorm.source.reading.files import SourceFile

_TIGHT = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.List, ast.ListComp, ast.Tuple)


# From then on the list counts, so that what is saved, restored or trained changes.
@fixes("SN303", "add the lists", safe=False)
def sum_of_lists(found: Finding, files: Mapping[str, SourceFile]) -> Iterable[Edit]:
    """Turns `x = a.extend(b)` into `x = a + b`, and likewise for one variable, an order and a reversal."""
    file, standing = standing_of(found, files)
    call = getattr(standing.statement, "value", None)
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.keywords:
        raise NoFixError("no method")
    before = _text(file, call.func.value)
    method, arguments = call.func.attr, call.args
    if method == "extend" and len(arguments) == 1:
        return replace(file, call, f"{before} + {_as_list(file, arguments[0])}")
    if method == "append" and len(arguments) == 1:
        return replace(file, call, f"{before} + [{_text(file, arguments[0], alone=True)}]")
    if method == "sort" and not arguments:
        return replace(file, call, f"sorted({before})")
    if method == "reverse" and not arguments:
        return replace(file, call, f"{before}[::-1]")
    raise NoFixError(f"no expression for {method}")


def _as_list(file: SourceFile, node: ast.expr) -> str:
    """The text of what may be a list already, or is made one."""
    is_other = isinstance(node, ast.Tuple | ast.GeneratorExp | ast.Set | ast.SetComp | ast.Dict | ast.DictComp)
    return f"list({_text(file, node, alone=True)})" if is_other else _text(file, node)


def _text(file: SourceFile, node: ast.expr, alone: bool = False) -> str:
    start, end = file.span(file.place(node))
    text = file.text[start:end]
    return text if alone or isinstance(node, _TIGHT) else f"({text})"
