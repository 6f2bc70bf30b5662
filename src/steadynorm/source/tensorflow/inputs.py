"""What the inputs of two applications of one layer come from: the same data, or data of different kinds."""

from __future__ import annotations

from collections.abc import Hashable

from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import (
    Attribute,
    Expression,
    External,
    Item,
    Known,
    Product,
    Value,
    constant_text,
)
from steadynorm.source.tensorflow.norms import Norm
from steadynorm.source.tensorflow.scopes import scoping
from steadynorm.source.tensorflow.words import LAYERS, PLACEHOLDERS, made_by, op_name
from steadynorm.source.tensorflow.world import World

_RANDOM = ("tensorflow.random_normal", "tensorflow.random_uniform", "tensorflow.random.", "tensorflow.truncated_normal")
_INPUTS = (".get_next", ".make_one_shot_iterator", "tensorflow.train.batch", "tensorflow.train.shuffle_batch")
_GIVEN_WEIGHTS = ("tensorflow.nn.", "tensorflow.matmul", "tensorflow.linalg.", "tensorflow.sparse_")
"""Beginnings of the names of what is handed its weights: two calls of one place may take different ones."""


def differ(world: World, one: Norm, other: Norm) -> bool:
    """Whether inputs are of different kinds: of the same data with other random numbers they are not.

    Of the parameters of a builder that nobody calls only that is known through which layers they go.

    Arguments:
        world: the run.
        one: an application of a layer.
        other: another application of it.
    """
    ours, theirs = (_before(world, each) for each in (one, other))
    if _layers(ours) != _layers(theirs):
        return True
    data = [_data(world, each) for each in (ours, theirs)]
    return data[0] != data[1] if data[0] or data[1] else _noise(ours) != _noise(theirs)


def _before(world: World, norm: Norm) -> list[Call]:
    source = norm.input if norm.input is not None else norm.call.argument(0, "inputs")
    return list(world.reach.of(source, data=True).calls.values())


def _layers(calls: list[Call]) -> set[Hashable]:
    """The layers with weights of their own: by their objects, their names or the functions that apply them."""
    found: set[Hashable] = set()
    for call in calls:
        name = op_name(call)
        if name in LAYERS and not name.startswith(_GIVEN_WEIGHTS):
            made, called = made_by(call), constant_text(call.argument(None, "name", "scope"))
            if made is not None:
                found.add(made.index)
            elif called is not None:
                found.add((scoping(call).text, called))
            else:
                found.add((*(frame.function.node for frame in call.stack), call.place))
    return found


def _data(world: World, calls: list[Call]) -> set[Hashable]:
    return {_fed(world, call) if op_name(call) in PLACEHOLDERS else call.index for call in calls if _is_origin(call)}


def _noise(calls: list[Call]) -> set[int]:
    return {call.index for call in calls if op_name(call).startswith(_RANDOM)}


def _is_origin(call: Call) -> bool:
    name = op_name(call)
    if name in PLACEHOLDERS or name in _INPUTS or call.name in _INPUTS:
        return True
    # Something from outside that gives data, as `reader.batch(64)`.
    return not name.startswith(("tensorflow.", "contrib.", "slim.", "keras.", ".", "builtins.", "numpy.")) and bool(
        name
    )


def _fed(world: World, placeholder: Call) -> Hashable:
    """What training feeds for a placeholder, told by how it is made; itself if that is not known."""
    found = {
        making(each.feeds[placeholder.result])
        for each in world.trainings
        if each.feeds is not None and placeholder.result in each.feeds
    }
    return found.pop() if len(found) == 1 else placeholder.index


def making(value: Value | None) -> Hashable:
    """How a value is made: equal for two batches that one data set gives in the same way, and for two equal names."""
    if isinstance(value, Known):
        return value
    if isinstance(value, External):
        return value.name
    if isinstance(value, Attribute):
        return making(value.of), "attribute", value.name
    if isinstance(value, Item):
        return making(value.of), "item", making(value.key)
    if isinstance(value, Expression):
        return value.operator, tuple(map(making, value.operands))
    if isinstance(value, Product) and value.call.name:
        call = value.call
        given = (
            tuple(map(making, call.arguments)),
            tuple((name, making(each)) for name, each in call.keywords.items()),
        )
        return making(call.receiver), call.name, given
    return id(value) if value is not None else None
