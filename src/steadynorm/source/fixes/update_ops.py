"""The fix of a train op that does not run the updates of the statistics."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from steadynorm.finding import Finding
from steadynorm.fix import Edit
from steadynorm.source.editing.nodes import Standing
from steadynorm.source.fixes.arguments import remove_keyword
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.fixes.found import call_of, standing_of
from steadynorm.source.fixes.origin import alias_of, origin
from steadynorm.source.fixes.registry import fixes
from steadynorm.source.fixes.scopes import lineage
from steadynorm.source.fixes.statements import wrap
from steadynorm.source.fixes.style import quoted
from steadynorm.source.reading.files import SourceFile

_STEPS = ("minimize", "apply_gradients")

_LIST = "update_ops"

_CASES = ("minimize", "apply", "scoped")
"""The cases of the check in which the updates stand in the collection; those of Keras' own layers do not."""


@fixes("SN101", "run the updates with the train op", safe=True)
def depend_on_updates(found: Finding, files: Mapping[str, SourceFile]) -> Iterable[Edit]:
    """Puts the statement with the train op under control dependencies on the collection of updates.

    Of several networks with train steps of their own each gets the updates of its scope.
    """
    file, call = call_of(found, files)
    _, standing = standing_of(found, files)
    if found.evidence.get("how") not in _CASES:
        raise NoFixError("the updates stand in no collection")
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _STEPS:
        raise NoFixError("no train op")
    tensorflow = alias_of(file, "tensorflow")
    if tensorflow is None:
        raise NoFixError("tensorflow has no name in this file")
    if any(_is_under(file, each) for each in lineage(file.tree, call)):
        raise NoFixError("it depends on the collection already")
    scope = found.evidence.get("scope")
    read = next(_read_before(file, standing), None) if scope is None else None
    name = read or _free(file, "update_ops")
    chosen = "" if scope is None else f", scope={quoted(file, str(scope))}"
    before = () if read else (f"{name} = {tensorflow}.get_collection({tensorflow}.GraphKeys.UPDATE_OPS{chosen})",)
    return wrap(file, standing, f"with {tensorflow}.control_dependencies({name}):", *before)


# Somebody wrote which updates are run.
@fixes("SN101", "run all updates with the train op", safe=False)
def run_all_updates(found: Finding, files: Mapping[str, SourceFile]) -> Iterable[Edit]:
    """Leaves out the list that keeps slim's train op from running the whole collection, as it does by itself."""
    file, call = call_of(found, files)
    if found.evidence.get("how") != "create" or not any(each.arg == _LIST for each in call.keywords):
        raise NoFixError("no list of updates is written")
    return remove_keyword(file, call, _LIST)


def _read_before(file: SourceFile, standing: Standing) -> Iterator[str]:
    """Names that the whole collection was assigned to before the statement, in its block."""
    for each in standing.block[: standing.index]:
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name) and _reads_all(file, each.value):
            yield each.targets[0].id


def _is_under(file: SourceFile, node: ast.AST) -> bool:
    """Whether a block holds back what is in it for the whole collection."""
    for item in getattr(node, "items", ()) if isinstance(node, ast.With) else ():
        context = item.context_expr
        if isinstance(context, ast.Call) and origin(file, context.func) == "tensorflow.control_dependencies":
            given = context.args[0] if context.args else context
            names = [each.value for each in ast.walk(file.tree) if isinstance(each, ast.Assign) and _names(each, given)]
            return _reads_all(file, given) or any(_reads_all(file, each) for each in names)
    return False


def _names(statement: ast.Assign, given: ast.expr) -> bool:
    return any(ast.unparse(each) == ast.unparse(given) for each in statement.targets)


def _reads_all(file: SourceFile, node: ast.expr) -> bool:
    """Whether an expression is the whole collection: no scope limits it."""
    if not isinstance(node, ast.Call) or node.keywords or len(node.args) != 1:
        return False
    is_read = origin(file, node.func) == "tensorflow.get_collection"
    return is_read and ast.unparse(node.args[0]).endswith(("UPDATE_OPS", "'update_ops'"))


def _free(file: SourceFile, name: str) -> str:
    taken = {node.id for node in ast.walk(file.tree) if isinstance(node, ast.Name)}
    return name if name not in taken else f"batch_norm_{name}"
