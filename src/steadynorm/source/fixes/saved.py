"""The fix of a file of weights that lacks the statistics: the list or dict that is saved becomes the whole one."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from steadynorm.finding import Finding
from steadynorm.fix import Edit
from steadynorm.source.fixes.arguments import remove_positional, replace_positional
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.fixes.found import call_of
from steadynorm.source.fixes.handed import set_entry
from steadynorm.source.fixes.origin import origin
from steadynorm.source.fixes.registry import fixes
from steadynorm.source.fixes.scopes import lineage, names_in, only_value, text_of
from steadynorm.source.fixes.statements import replace
from steadynorm.source.fixes.style import quoted
from steadynorm.source.reading.files import SourceFile

_WHOLE = {"trainable_weights": "weights", "trainable_variables": "variables"}
_LISTS = ("builtins.list", "list", "builtins.dict", "dict", "builtins.tuple", "tuple", "collections.OrderedDict")
_PARAMETERS = ("parameters", "named_parameters")
_COMPREHENSIONS = (ast.ListComp, ast.DictComp, ast.GeneratorExp)


# What loads the file has to take more, or another kind of thing.
@fixes("SN301", "save the statistics too", safe=False)
def save_all(found: Finding, files: Mapping[str, SourceFile]) -> Iterable[Edit]:
    """Saves all variables where only those that are trained are saved."""
    file, call = call_of(found, files)
    edits = [each for expression in _saved(file, call) for each in _mended(file, call, expression)]
    if len(edits) != 1:
        raise NoFixError("what is saved is written in no place or in several")
    return edits[0]


def _saved(file: SourceFile, call: ast.Call) -> Iterator[ast.expr]:
    """The arguments of the call that saves, and what the names among them were given, where nothing else reads them."""
    way = lineage(file.tree, call)
    given = [*call.args, *(each.value for each in call.keywords)]
    yield from given
    for name in sorted(set().union(*(names_in(each) for each in given))):
        value = only_value(file, way, name)
        if value is not None:
            yield value


def _mended(file: SourceFile, call: ast.Call, expression: ast.expr) -> Iterator[tuple[Edit, ...]]:
    """The edits of what stands in an expression for a part of the model's variables."""
    for node in _parts(expression):
        if isinstance(node, ast.Attribute) and node.attr in _WHOLE and origin(file, node.value) != "tensorflow":
            end = file.span(file.place(node))[1]
            yield (Edit(file.path, end - len(node.attr), end, _WHOLE[node.attr]),)
        elif isinstance(node, ast.Attribute) and node.attr == "params":
            yield from _flax(file, call, expression, node)
        elif isinstance(node, ast.Call):
            yield from _of_call(file, node)
        elif isinstance(node, ast.DictComp) and _is_filtered(node):
            yield replace(file, node, text_of(file, node.generators[0].iter).removesuffix(".items()"))
        elif isinstance(node, ast.DictComp) and _drops_by_name(node):
            states = node.generators[0]
            yield (Edit(file.path, file.span(file.place(states.iter))[1], file.span(file.place(states.ifs[0]))[1], ""),)
        elif isinstance(node, _COMPREHENSIONS) and _is_plain(node):
            over = node.generators[0].iter
            model = _model(over)
            if model is not None:
                ending = "items()" if ast.unparse(over).endswith("named_parameters()") else "values()"
                yield replace(file, over, f"{text_of(file, model)}.state_dict().{ending}")
    if origin(file, call.func) == "equinox.tree_serialise_leaves" and expression in call.args[1:2]:
        yield from _equinox(file, call)


def _parts(expression: ast.expr) -> Iterator[ast.expr]:
    """What an expression is made of, but for what is added to other things and what is called."""
    yield expression
    if isinstance(expression, ast.BinOp):
        return
    children: list[ast.expr] = []
    if isinstance(expression, _COMPREHENSIONS):
        children = [expression.generators[0].iter] if _model(expression.generators[0].iter) is None else []
    elif isinstance(expression, ast.Call):
        if not _list_of_parameters(expression):
            children = [*expression.args, *(each.value for each in expression.keywords)]
    elif not isinstance(expression, ast.Attribute):
        children = [each for each in ast.iter_child_nodes(expression) if isinstance(each, ast.expr)]
    for child in children:
        yield from _parts(child)


def _is_filtered(node: ast.DictComp) -> bool:
    """Whether it is a part of a state dict, as it is there."""
    (over, *more) = node.generators
    if more or not ast.unparse(over.iter).endswith(".state_dict().items()"):
        return False
    return bool(over.ifs) and ast.unparse(over.target) == f"({ast.unparse(node.key)}, {ast.unparse(node.value)})"


def _drops_by_name(node: ast.DictComp) -> bool:
    """Whether it is a state dict with its values made into something, without those that have a word in their names."""
    (over, *more) = node.generators
    if more or len(over.ifs) != 1 or not ast.unparse(over.iter).endswith(".state_dict().items()"):
        return False
    test = over.ifs[0]
    return isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.NotIn)


def _is_plain(node: ast.ListComp | ast.DictComp | ast.GeneratorExp) -> bool:
    return len(node.generators) == 1 and not node.generators[0].ifs


def _model(node: ast.expr) -> ast.expr | None:
    """The model whose parameters an expression gives."""
    is_given = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _PARAMETERS
    return node.func.value if is_given and not node.args and not node.keywords else None  # type: ignore[attr-defined]


def _list_of_parameters(call: ast.Call) -> ast.expr | None:
    if len(call.args) == 1 and not call.keywords and ast.unparse(call.func).endswith(("list", "dict", "tuple", "Dict")):
        return _model(call.args[0])
    return None


def _of_call(file: SourceFile, node: ast.Call) -> Iterator[tuple[Edit, ...]]:
    name, model = origin(file, node.func), _list_of_parameters(node)
    if model is not None and name in _LISTS:
        yield replace(file, node, f"{text_of(file, model)}.state_dict()")
    elif name == "tensorflow.trainable_variables" and isinstance(node.func, ast.Attribute):
        end = file.span(file.place(node.func))[1]
        yield (Edit(file.path, end - len(node.func.attr), end, "global_variables"),)
    elif name == "tensorflow.get_collection" and node.args:
        key = node.args[0]
        if isinstance(key, ast.Attribute) and key.attr == "TRAINABLE_VARIABLES":
            yield replace(file, key, f"{text_of(file, key.value)}.GLOBAL_VARIABLES")
        elif isinstance(key, ast.Constant) and key.value == "trainable_variables":
            yield replace(file, key, quoted(file, "variables"))
    elif name == "flax.nnx.state" and len(node.args) == 2 and ast.unparse(node.args[1]).endswith("Param"):
        yield remove_positional(file, node, 1)


def _flax(file: SourceFile, call: ast.Call, expression: ast.expr, node: ast.Attribute) -> Iterator[tuple[Edit, ...]]:
    """The whole train state, which has the statistics, or the statistics beside the parameters."""
    state = text_of(file, node.value)
    statistics = f"{state}.batch_stats"
    if statistics not in file.text:
        return
    table = next((each for each in ast.walk(expression) if isinstance(each, ast.Dict) and node in each.values), None)
    if table is not None:
        yield set_entry(file, table, quoted(file, "batch_stats"), statistics)
    elif node is expression and node in call.args:
        both = f"{{{quoted(file, 'params')}: {text_of(file, node)}, {quoted(file, 'batch_stats')}: {statistics}}}"
        yield replace(file, node, state if state != "self" and "TrainState" in file.text else both)


def _equinox(file: SourceFile, call: ast.Call) -> Iterator[tuple[Edit, ...]]:
    """The model with its state, as they were made together."""
    model = ast.unparse(call.args[1])
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Call):
            names = [ast.unparse(each) for each in node.targets[0].elts]
            if len(names) == 2 and names[0] == model and "make_with_state" in ast.unparse(node.value):
                yield replace_positional(file, call, 1, f"({names[0]}, {names[1]})")
                return
