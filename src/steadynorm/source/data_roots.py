"""Where data come from: the data sets, files and networks at the beginning of their way."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.source.layers.words import KINDS, made_by
from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import (
    Attribute,
    Choice,
    Expression,
    Item,
    Items,
    Known,
    Parameter,
    Product,
    Value,
    constant_int,
)
from steadynorm.source.symbolic.vocabulary import SEQUENCES

_PAIRING = ("tensorflow.data.Dataset.zip", "builtins.zip")
_LAYERS = ("convolution", "linear", "normalization")
_NETWORKS = SEQUENCES | {"keras.Model"}
NETWORK = "a network"


def differ(first: frozenset[object], second: frozenset[object]) -> bool:
    """Whether inputs are of two kinds: one of them made by a network, or from different data.

    Of two parameters whose caller is not known nobody can tell: a pair of pictures is handed over like that, too.
    """
    if (NETWORK in first) is not (NETWORK in second):
        return True
    return not first & second and not any(isinstance(each, Parameter) for each in first | second)


def roots(value: Value) -> frozenset[object]:
    """What a value comes from: data sets and files by their calls, networks by a word, parameters by themselves."""
    return frozenset(_roots(value, (), set()))


def _roots(value: Value, path: tuple[Value | None, ...], seen: set[tuple[int, int]]) -> Iterator[object]:
    if (id(value), len(path)) in seen or len(path) > 12:
        return
    seen.add((id(value), len(path)))
    if isinstance(value, Item):
        yield from _roots(value.of, (*path, value.key), seen)
    elif isinstance(value, Attribute):
        yield from _roots(value.of, path, seen)
    elif isinstance(value, Items):
        chosen = _chosen(value, path)
        for each in value.items if chosen is None else (chosen,):
            yield from _roots(each, path, seen)
    elif isinstance(value, Expression | Choice):
        for each in value.operands if isinstance(value, Expression) else value.options:
            yield from _roots(each, path, seen)
    elif isinstance(value, Parameter):
        yield value
    elif isinstance(value, Product):
        yield from _of_call(value.call, path, seen)


def _of_call(call: Call, path: tuple[Value | None, ...], seen: set[tuple[int, int]]) -> Iterator[object]:
    made = made_by(call)
    name = call.name if made is None else made.name
    if KINDS.get(name) in _LAYERS or (made is not None and name in _NETWORKS):
        yield NETWORK
        return
    if call.name in _PAIRING:
        given = call.arguments[0] if len(call.arguments) == 1 else Items("tuple", {"items": call.arguments})
        if isinstance(given, Items):
            chosen = _chosen(given, path)
            for each in given.items if chosen is None else (chosen,):
                yield from _roots(each, path, seen)
            return
    if call.receiver is not None and call.name.startswith("."):
        if isinstance(call.receiver, Product) and call.receiver.call.name.startswith(("numpy.random", "jax.random")):
            # A random generator draws an index: where the data come from is said elsewhere.
            return
        yield from _roots(call.receiver, path, seen)
        return
    inner = [each for each in (*call.arguments, *call.keywords.values()) if not isinstance(each, Known)]
    found = {root for each in inner for root in _roots(each, (), seen)}
    if found and not call.name.startswith(("tensorflow.data.", "numpy.load", "keras.datasets.")):
        yield from found
    elif not call.name.startswith(("numpy.random", "jax.random", "tensorflow.random", "keras.random", "builtins.")):
        yield call


def _chosen(value: Items, path: tuple[Value | None, ...]) -> Value | None:
    """The member that the way takes; `None` if it takes none in particular."""
    for key in reversed(path):
        position = constant_int(key)
        if position is not None and -len(value.items) <= position < len(value.items):
            return value.items[position]
    return None
