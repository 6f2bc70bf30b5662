"""Lists of variables: whether they hold a layer's gamma and beta, and its averages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from steadynorm.source.symbolic.trace import Call, With
from steadynorm.source.symbolic.values import (
    Choice,
    Comprehension,
    Expression,
    Item,
    Items,
    Known,
    Product,
    Table,
    Value,
    constant_text,
)
from steadynorm.source.tensorflow.filters import passes
from steadynorm.source.tensorflow.norms import Kind, Norm, Updates
from steadynorm.source.tensorflow.scopes import begins, begins_in, either, operation_path
from steadynorm.source.tensorflow.words import REPEATING, VARIABLES, collection_name, op_name, short

_TRAINABLE = frozenset(
    {
        "tensorflow.trainable_variables",
        "slim.get_trainable_variables",
        "contrib.get_trainable_variables",
        "tensorflow.contrib.framework.get_trainable_variables",
    }
)
_ALL = frozenset(
    {
        "tensorflow.global_variables",
        "tensorflow.all_variables",
        "slim.get_variables",
        "contrib.get_variables",
        "slim.get_model_variables",
        "contrib.get_model_variables",
        "slim.get_variables_to_restore",
        "contrib.get_variables_to_restore",
        "tensorflow.model_variables",
        "tensorflow.contrib.framework.get_variables",
        "tensorflow.contrib.framework.get_model_variables",
        "tensorflow.contrib.framework.get_variables_to_restore",
        "tensorflow.contrib.slim.get_variables_to_restore",
    }
)
_READERS = ("tensorflow.get_collection", ".get_collection", "slim.get_collection", "tensorflow.get_collection_ref")
_SCOPED_LATER = ("contrib.get_variables_to_restore", "slim.get_variables_to_restore")
_NAMES = {Kind.LAYERS: "batch_normalization", Kind.CONTRIB: "BatchNorm", Kind.KERAS: "batch_normalization"}
_COPYING = ("builtins.list", "builtins.sorted", "builtins.set", "builtins.tuple", "builtins.filter")


@dataclass(frozen=True, slots=True)
class Held:
    """What a list of variables holds of a layer; `None` where that is not known.

    Arguments:
        parameters: whether gamma and beta are in it.
        statistics: whether its averages are.
    """

    parameters: bool | None
    statistics: bool | None

    def __or__(self, other: Held) -> Held:
        return Held(either(self.parameters, other.parameters), either(self.statistics, other.statistics))


NOTHING, UNKNOWN = Held(False, False), Held(None, None)


def held(value: Value | None, norm: Norm) -> Held:
    """What a list of variables, or a dict of them, holds of a layer."""
    if isinstance(value, Items):
        found = NOTHING
        for each in value.items:
            found |= held(each, norm)
        return found if value.whole else _unsure(found)
    if isinstance(value, Table):
        found = NOTHING
        for entry in value.entries.values():
            found |= held(entry, norm)
        return found if value.complete else UNKNOWN
    if isinstance(value, Expression):
        if value.operator == "Add":
            return held(value.operands[0], norm) | held(value.operands[1], norm)
        if value.operator == "Sub":
            return _unsure(held(value.operands[0], norm))
        return UNKNOWN
    if isinstance(value, Choice):
        options = [held(each, norm) for each in value.options]
        return options[0] if all(each == options[0] for each in options) else UNKNOWN
    if isinstance(value, Comprehension):
        return _of_comprehension(value, norm)
    if isinstance(value, Item):
        built = _built_between(value, norm)
        if built is not None:
            return held(value.of, norm) if built else NOTHING
        # One of a list that a loop goes through, taken under conditions that are not known here.
        return _unsure(held(value.of, norm)) if value.key is None else UNKNOWN
    if isinstance(value, Product):
        return _of_call(value.call, norm)
    return UNKNOWN


def trains(variables: Value | None, norm: Norm) -> bool | None:
    """Whether a train step with these variables trains a layer's gamma and beta; `None` if that is not known."""
    if norm.frozen:
        return False
    return True if variables is None else held(variables, norm).parameters


def _of_call(call: Call, norm: Norm) -> Held:
    name = short(call.name)
    if name in _COPYING and call.arguments:
        found = held(call.arguments[-1], norm)
        return _unsure(found) if name.endswith("filter") else found
    given = listed(call)
    if given is not None:
        return _leaf(norm, *given)
    if name in VARIABLES:
        mine = any(isinstance(each, Product) and each.call is call for each in norm.variables)
        return Held(False, mine)
    return UNKNOWN


def listed(call: Call) -> tuple[bool, Value | None] | None:
    """Which of all variables a call gives: whether those that are not trained too, and of which scope.

    It is `None` if it gives something else, or that is not known.
    """
    name = short(call.name)
    if name in _READERS:
        key = collection_name(call.argument(0, "key"))
        if key in ("trainable_variables", "global_variables", "variables", "model_variables"):
            return key != "trainable_variables", call.argument(1, "scope")
    elif name in _TRAINABLE:
        return False, call.argument(0, "scope")
    elif name in _ALL and not (name in _SCOPED_LATER and (call.arguments or call.keywords)):
        return True, call.argument(0, "scope")
    return None


def _built_between(value: Item, norm: Norm) -> bool | None:
    """Whether a slice of a list of variables, cut where an earlier list ends, is of those of a layer; else `None`.

    The lists are in the order of building, so that `tf.trainable_variables()[len(first):]` has what came after `first`.
    """
    key = value.key
    if not isinstance(key, Expression) or key.operator != "Slice" or key.operands[2] != Known(None):
        return None
    later = _list_call(value.of)
    lower, upper = (_list_call(_measured(each)) for each in key.operands[:2])
    if later is None or later[1] is not None or (lower is None) is (upper is None):
        return None
    if (key.operands[1] if upper is None else key.operands[0]) != Known(None):
        return None
    earlier = lower or upper
    assert earlier is not None
    if earlier[1:] != later[1:] or earlier[0].index > later[0].index:
        return None
    if lower is not None:
        return earlier[0].index < norm.call.index < later[0].index
    return norm.call.index < earlier[0].index


def _measured(value: Value) -> Value | None:
    """What a value is the length of."""
    return value.call.argument(0) if isinstance(value, Product) and value.call.name == "builtins.len" else None


def _list_call(value: Value | None) -> tuple[Call, Value | None, bool] | None:
    """The call that gives a list of variables, its scope, and whether those that are not trained are among them."""
    given = listed(value.call) if isinstance(value, Product) else None
    return None if given is None or not isinstance(value, Product) else (value.call, given[1], given[0])


def _leaf(norm: Norm, everything: bool, scope: Value | None) -> Held:
    parameters: bool | None = not norm.frozen
    statistics: bool | None = everything
    if norm.updates is Updates.BY_HAND and not everything:
        statistics = None if any(map(_is_trained_variable, norm.variables)) else False
    if scope is not None and scope != Known(None):
        inside = begins_in(scope, norm.call, norm.scoping.text, names_of(norm))
        parameters, statistics = both(parameters, inside), both(statistics, inside)
    return Held(parameters, statistics)


def _is_trained_variable(value: Value) -> bool:
    """Whether an average is kept in a variable that counts as one to be trained."""
    if not isinstance(value, Product) or short(value.call.name) not in VARIABLES:
        return False
    return value.call.argument(None, "trainable") != Known(False)


def _of_comprehension(value: Comprehension, norm: Norm) -> Held:
    found = NOTHING
    for source in value.sources:
        found |= held(source, norm)
    return _passing(found, value.tests, norm)


def filtered(value: Value, tests: tuple[Value, ...], norm: Norm) -> Held:
    """What a list holds of a layer where only what passes some tests of a comprehension is taken."""
    return _passing(held(value, norm), tests, norm)


def _passing(found: Held, tests: tuple[Value, ...], norm: Norm) -> Held:
    for test in tests:
        found = Held(
            both(found.parameters, _passes(test, norm, ("gamma:0", "beta:0"))),
            both(found.statistics, _passes(test, norm, ("moving_mean:0", "moving_variance:0"))),
        )
    return found


def _passes(test: Value, norm: Norm, variables: tuple[str, ...]) -> bool | None:
    """Whether variables of a layer pass a filter by their names."""
    names = names_of(norm)
    if names is None:
        return None
    answers = {passes(test, f"{names}/{variable}") for variable in variables}
    return answers.pop() if len(answers) == 1 else None


def is_in_scope(norm: Norm, scope: Value) -> bool | None:
    """Whether the updates of a layer are among the operations of a scope, as collections are read; `None` if unknown.

    Arguments:
        norm: the layer.
        scope: the beginning of the operations' names, a pattern of it, or a scope that is open around the layer.
    """
    wanted = constant_text(scope)
    if wanted is None:
        return True if any(isinstance(each, With) and each.context is scope for each in norm.call.within) else None
    path = operation_path(norm.call)
    if path is None:
        return None
    return begins("/".join(part for part in (path, _own_name(norm)) if part), wanted)


def names_of(norm: Norm) -> str | None:
    """The beginning of the names of a layer's variables, as far as it can be told; `None` if it cannot."""
    path, own = norm.scoping.text, _own_name(norm)
    if path is None or own is None:
        return None
    return "/".join(part for part in (path, own) if part)


def _own_name(norm: Norm) -> str | None:
    """What a layer's own name begins with; `None` if it cannot be told."""
    repeating = op_name(norm.call) in REPEATING
    default = op_name(norm.call).removeprefix("contrib.").capitalize() if repeating else _NAMES.get(norm.kind)
    own = norm.name if norm.name is not None else default
    if not own:
        return None
    return f"{own}/BatchNorm" if norm.inner and not repeating and norm.name is not None else own


def leaves(value: Value | None) -> Iterator[Call]:
    """The calls that give the lists of variables that a list is made of."""
    if isinstance(value, Product):
        yield value.call
    elif isinstance(value, Expression):
        for each in value.operands:
            yield from leaves(each)
    elif isinstance(value, Comprehension):
        for each in value.sources:
            yield from leaves(each)
    elif isinstance(value, Items):
        for each in value.items:
            yield from leaves(each)
    elif isinstance(value, Item):
        yield from leaves(value.of)


def both(one: bool | None, other: bool | None) -> bool | None:
    """Whether two things hold; `None` if that is not known."""
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _unsure(found: Held) -> Held:
    return Held(False if found.parameters is False else None, False if found.statistics is False else None)
