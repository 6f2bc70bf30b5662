"""Fixes of how a training gets its data: in another order each time, normalized over all replicas."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from steadynorm.finding import Finding
from steadynorm.fix import Edit
from steadynorm.source.fixes.arguments import replace_positional, set_keyword
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.fixes.found import call_of, standing_of
from steadynorm.source.fixes.index import index_of
from steadynorm.source.fixes.origin import alias_of, origin
from steadynorm.source.fixes.registry import fixes
from steadynorm.source.fixes.scopes import text_of
from steadynorm.source.fixes.statements import insert_before, replace
from steadynorm.source.reading.files import SourceFile

_SHUFFLE = 2
"""Its place among the arguments of PyTorch's DataLoader."""
_CHOSEN = ("sampler", "batch_sampler", "shuffle")


@fixes("SN906", "shuffle", safe=True)
def shuffled(found: Finding, files: Mapping[str, SourceFile]) -> Iterable[Edit]:
    """Shuffles in a loader that says nothing about the order."""
    file, call = call_of(found, files)
    named = {each.arg for each in call.keywords}
    if not origin(file, call.func).endswith("DataLoader") or len(call.args) > _SHUFFLE or None in named:
        raise NoFixError("no loader")
    if named.intersection(_CHOSEN):
        raise NoFixError("the order is chosen")
    return set_keyword(file, call, "shuffle", "True")


# Somebody wrote it: the order may mean something to the training.
@fixes("SN906", "shuffle", safe=False)
def shuffled_instead(found: Finding, files: Mapping[str, SourceFile]) -> Iterable[Edit]:
    """Turns the `shuffle=False` of a loader, of `fit()` or of an input function."""
    file, call = call_of(found, files)
    for each in call.keywords:
        if each.arg == "shuffle" and _is_false(each.value):
            return set_keyword(file, call, "shuffle", "True")
    if origin(file, call.func).endswith("DataLoader") and len(call.args) > _SHUFFLE and _is_false(call.args[_SHUFFLE]):
        return replace_positional(file, call, _SHUFFLE, "True")
    raise NoFixError("it is not turned off here")


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


# The training becomes another one, and slower.
@fixes("SN801", "synchronize the moments", safe=False)
def synchronized(found: Finding, files: Mapping[str, SourceFile]) -> Iterable[Edit]:
    """Converts the model before it is distributed, or asks Lightning for it."""
    file, call = call_of(found, files)
    name = origin(file, call.func)
    if name.endswith("Trainer") and name.startswith(("lightning.", "pytorch_lightning.")):
        return set_keyword(file, call, "sync_batchnorm", "True")
    if not name.endswith("DistributedDataParallel") or not call.args:
        raise NoFixError("no line of its own does it")
    if any("steadynorm" in ast.unparse(each) for file in files.values() for each in index_of(file.tree).imports):
        raise NoFixError("PyTorch's conversion would take their options from layers of steadynorm")
    model = call.args[0]
    converted = f"{_nn(file)}.SyncBatchNorm.convert_sync_batchnorm({text_of(file, model)})"
    _, standing = standing_of(found, files)
    statement = standing.statement
    if isinstance(model, ast.Name) and isinstance(statement, ast.Assign) and statement.value is call:
        return insert_before(file, standing, f"{model.id} = {converted}")
    return replace(file, model, converted)


def _nn(file: SourceFile) -> str:
    name, torch = alias_of(file, "torch.nn"), alias_of(file, "torch")
    if name is None and torch is None:
        raise NoFixError("torch has no name in this file")
    return name or f"{torch}.nn"
