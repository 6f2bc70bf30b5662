"""Fixes of calls that say the wrong mode or none, where the mode is an argument."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from steadynorm.finding import Finding
from steadynorm.fix import Edit
from steadynorm.source.editing.nodes import node_at
from steadynorm.source.fixes.arguments import insert_positional, remove_keyword, rename_keyword, replace_positional
from steadynorm.source.fixes.callers import ways_to
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.fixes.followed import is_trained_through
from steadynorm.source.fixes.found import call_of, file_of, lines_of
from steadynorm.source.fixes.handed import (
    estimators_mode,
    mode_around,
    require_no_spread,
    same_mode,
    set_entry,
    set_mode,
    with_parameter,
)
from steadynorm.source.fixes.own_flags import mode_of_object
from steadynorm.source.fixes.project import Project
from steadynorm.source.fixes.registry import fixes
from steadynorm.source.fixes.scopes import (
    Function,
    class_around,
    functions_around,
    is_visible,
    lineage,
    names_in,
    only_value,
    parameters,
)
from steadynorm.source.fixes.style import quoted
from steadynorm.source.reading.files import SourceFile

_POSITION = 5
"""The mode's place among the arguments of PyTorch's batch_norm()."""


@fixes("SN201", "pass the mode", safe=True)
@fixes("SN202", "pass the mode", safe=True)
def mode_left_out(found: Finding, files: Project) -> Iterable[Edit]:
    """Passes the mode in a call that leaves it out."""
    if _is_written(found):
        raise NoFixError("it is not left out")
    return _with_mode(found, files)


# Somebody wrote the mode that it is to lose: to freeze a layer, or to sample from batch moments.
@fixes("SN201", "pass the right mode", safe=False)
@fixes("SN202", "pass the right mode", safe=False)
def mode_written(found: Finding, files: Project) -> Iterable[Edit]:
    """Replaces a mode that is written in a call."""
    if not _is_written(found):
        raise NoFixError("it is left out")
    return _with_mode(found, files)


def _is_written(found: Finding) -> bool:
    return found.evidence.get("how") in ("constant", "layer", "functional", "estimator", "fed")


def _with_mode(found: Finding, files: Project) -> Iterable[Edit]:
    if "tf" in found.evidence:
        return _of_graph(found, files)
    file, call = call_of(found, files)
    way = lineage(file.tree, call)
    how, argument = found.evidence.get("how"), str(found.evidence.get("argument") or "training")
    trains = found.code == "SN202"
    if _is_functional(call):
        return _functional(file, call, way, files)
    if how in ("handed", "mode", "inference_mode", "no-eval", "train", "eval", "never-train", "teacher", "function"):
        raise NoFixError("the mode is no argument")
    if how == "phase" and found.code == "SN201":
        raise NoFixError("predict() takes no mode")
    if (
        trains
        and "argument" in found.evidence
        and not (found.evidence.get("in_place") or _is_mutable(call, files, how))
    ):
        raise NoFixError("the statistics that it would update are not returned")
    if how == "functional":
        return remove_keyword(file, call, argument)
    if how == "layer":
        return _handed_on(files, file, call, way, argument)
    if any(each.arg == argument and isinstance(each.value, ast.Name) for each in call.keywords):
        raise NoFixError("the mode comes from the function's callers, of which others may mean it")
    mode = _mode_in_scope(files, way, argument)
    if mode is None and not trains and is_trained_through(ways_to(files, file, call), files):
        raise NoFixError("training goes through the same call, and no mode is in scope")
    value = mode or str(found.evidence.get("right") or trains)
    told = _told(call, argument, files, how == "default") if "argument" in found.evidence else call
    return _set(file, told, argument, value) if _is_written(found) else set_mode(file, told, argument, value)


def _told(call: ast.Call, argument: str, files: Project, left_out: bool) -> ast.Call:
    """The call that says the mode of a network of Flax's: the one that applies it, or the one that makes it.

    Raises:
        NoFixError: the network is made elsewhere, with the mode as an attribute, or the mode comes from elsewhere.
    """
    made = call.func.value if isinstance(call.func, ast.Attribute) else None
    if isinstance(made, ast.Call) and any(each.arg == argument for each in made.keywords):
        return made
    if any(each.arg == argument for each in call.keywords) or any(_is_mode(each) for each in call.args):
        return call
    if left_out and argument in files.once(_taken_by_calls):
        return call
    raise NoFixError("the mode is no argument of the call")


def _taken_by_calls(files: Project) -> set[str]:
    """What the networks of a project take when they are called."""
    return {
        name
        for file in files.values()
        for node in ast.walk(file.tree)
        if isinstance(node, Function) and node.name == "__call__"
        for name in parameters(node)
    }


def _is_mutable(call: ast.Call, files: Project, how: object) -> bool:
    """Whether a network of Flax's may change its statistics where it is applied: it raises an error otherwise."""
    if how == "layer":
        return any("mutable" in file.text for file in files.values())
    return any(each.arg == "mutable" for each in call.keywords)


def _set(file: SourceFile, call: ast.Call, argument: str, value: str) -> tuple[Edit, ...]:
    """A mode that is passed by its position is replaced there."""
    literal = [index for index, each in enumerate(call.args) if _is_mode(each)]
    if len(literal) == 1 and not any(each.arg == argument for each in call.keywords):
        return replace_positional(file, call, literal[0], value)
    return set_mode(file, call, argument, value)


def _is_mode(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, bool)


def _mode_in_scope(files: Project, way: tuple[ast.AST, ...], keyword: str) -> str | None:
    """What a function around a node, or its object, has for an argument that tells the mode."""
    return mode_around(way, keyword) or mode_of_object(files, way, keyword)


def _handed_on(
    files: Project, file: SourceFile, call: ast.Call, way: tuple[ast.AST, ...], argument: str
) -> tuple[Edit, ...]:
    """A layer's mode is that of the function around it, which is told it if it is a layer's or model's `call`."""
    mode = mode_around(way, argument)
    if mode is not None:
        return _set(file, call, argument, mode)
    functions = functions_around(way)
    if functions and functions[0].name == "call" and class_around(way) is not None:
        return (*with_parameter(file, functions[0], argument, "None"), *_set(file, call, argument, argument))
    mode = mode_of_object(files, way, argument)
    if mode is None:
        raise NoFixError("no mode around")
    return _set(file, call, argument, mode)


def _is_functional(call: ast.Call) -> bool:
    return ast.unparse(call.func).endswith("batch_norm") and len(call.args) + len(call.keywords) > 2


def _functional(file: SourceFile, call: ast.Call, way: tuple[ast.AST, ...], files: Project) -> tuple[Edit, ...]:
    mode = "self.training" if _is_in_a_module(way) else _mode_in_scope(files, way, "training")
    if mode is None:
        raise NoFixError("no module around, and no mode")
    if len(call.args) > _POSITION:
        return replace_positional(file, call, _POSITION, mode)
    return set_mode(file, call, "training", mode)


def _is_in_a_module(way: tuple[ast.AST, ...]) -> bool:
    """Whether a node stands in a method of a class that is derived from another one, which PyTorch's modules are."""
    functions, owner = functions_around(way), class_around(way)
    if owner is None or parameters(functions[0])[:1] != ["self"]:
        return False
    return any(ast.unparse(each) != "object" for each in owner.bases)


def _of_graph(found: Finding, files: Project) -> tuple[Edit, ...]:
    file, evidence = file_of(found, files), found.evidence
    assert found.place is not None
    node = node_at(file, found.place, ast.Call) or node_at(file, found.place, ast.Dict)
    if node is None:
        raise NoFixError("no call")
    way = lineage(file.tree, node)
    flag, how, trains = evidence.get("flag"), evidence.get("how"), str(found.code == "SN202")
    if how in ("fed", "not fed"):
        return _fed(file, way, node, flag, trains)
    keyword = str(evidence.get("argument") or evidence.get("keyword"))
    if how == "estimator":
        value = estimators_mode(file, way)
    elif how in ("default", "constant", "trainable"):
        value = _mode_of_graph(files, file, way, found, keyword)
    else:
        raise NoFixError(f"no fix for {how}")
    if isinstance(node, ast.Dict):
        return set_entry(file, node, quoted(file, keyword), value)
    if how == "trainable" and any(each.arg == how and ast.unparse(each.value) == value for each in node.keywords):
        require_no_spread(file, node, keyword)
        return rename_keyword(file, node, how, keyword)
    if evidence.get("inner"):
        return _of_graph_layer(file, node, value, keyword, True)
    return _set(file, node, keyword, value) if _is_written(found) else set_mode(file, node, keyword, value)


def _mode_of_graph(files: Project, file: SourceFile, way: tuple[ast.AST, ...], found: Finding, keyword: str) -> str:
    """The mode that there is, or in a program that only evaluates or predicts its literal."""
    name = found.evidence.get("in_scope")
    if isinstance(name, str) and is_visible(file, way, name):
        return name
    mode = _mode_in_scope(files, way, keyword)
    if mode is not None:
        return mode
    _, *sessions = lines_of(found, file) or [None]
    if found.code != "SN201" or found.evidence.get("trained") is not False or None in sessions[:1] or not sessions:
        raise NoFixError("no mode around")
    return "False"


def _fed(file: SourceFile, way: tuple[ast.AST, ...], node: ast.AST, flag: object, value: str) -> tuple[Edit, ...]:
    """The mode among what a session is fed."""
    names = [only_value(file, way, name) for name in sorted(names_in(node))]
    inside = [each for value in (node, *names) if value is not None for each in ast.walk(value)]
    tables = [each for each in inside if isinstance(each, ast.Dict)]
    if len(tables) != 1 or not isinstance(flag, str):
        raise NoFixError("what is fed is not written here")
    last = flag.rpartition(".")[2]
    written = [key for key in tables[0].keys if key is not None and ast.unparse(key).rpartition(".")[2] == last]
    if len(written) == 1:
        old = tables[0].values[tables[0].keys.index(written[0])]
        if not _is_mode(old):
            raise NoFixError("the mode is no literal")
        return set_entry(file, tables[0], ast.unparse(written[0]), value)
    if not is_visible(file, way, flag):
        raise NoFixError("the placeholder has no name here")
    return set_entry(file, tables[0], flag, value)


@fixes("SN205", "hand the mode on", safe=True)
def handed_on(found: Finding, files: Project) -> Iterable[Edit]:
    """Hands a function's mode to a call in it. A `call` of Keras' that is not told it gets an optional parameter."""
    file, call = call_of(found, files)
    way, evidence, how = lineage(file.tree, call), found.evidence, found.evidence.get("how")
    if "tf" in evidence:
        return _of_graph_layer(file, call, str(evidence["flag"]), str(evidence["keyword"]), bool(evidence["inner"]))
    if how == "fit":
        return _handed_on(files, file, call, way, "training")
    if how == "wrapper":
        return _set(file, call, "training", str(evidence.get("parameter")))
    name = str(evidence.get("parameter") or evidence.get("argument"))
    if how == "field":
        return set_mode(file, call, str(evidence.get("argument")), name)
    if name not in {each for function in functions_around(way) for each in parameters(function)}:
        raise NoFixError("no such parameter around")
    if how == "train":
        if call.args or call.keywords:
            raise NoFixError("a mode is passed")
        return insert_positional(file, call, name)
    if _is_functional(call):
        if len(call.args) > _POSITION:
            return replace_positional(file, call, _POSITION, name)
        return set_mode(file, call, "training", name)
    argument = str(evidence.get("argument"))
    if ast.unparse(call.func).endswith((".apply", ".apply_fn")) and not _is_mutable(call, files, how):
        raise NoFixError("the statistics that it would update are not returned")
    value = same_mode(name, argument)
    if value is None:
        raise NoFixError("which mode it is is not known")
    return set_mode(file, call, argument, value)


def _of_graph_layer(file: SourceFile, call: ast.Call, flag: str, keyword: str, inner: bool) -> tuple[Edit, ...]:
    if not inner:
        return set_mode(file, call, keyword, flag)
    given = next((each.value for each in call.keywords if each.arg == "normalizer_params"), None)
    if isinstance(given, ast.Dict) and given.keys:
        return set_entry(file, given, quoted(file, keyword), flag)
    if given is not None or not any(each.arg == "normalizer_fn" for each in call.keywords):
        raise NoFixError("the parameters of the normalization are not written here")
    return set_mode(file, call, "normalizer_params", f"{{{quoted(file, keyword)}: {flag}}}")
