"""What stands before and after a call on the way of the data: layers, functions and methods, each by what it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from steadynorm.place import Place
from steadynorm.source.symbolic.flow import Uses
from steadynorm.source.symbolic.trace import Branch, Call
from steadynorm.source.symbolic.values import (
    Expression,
    External,
    Item,
    Known,
    Product,
    Value,
    constant,
    constant_number,
)
from steadynorm.source.torch.words import (
    ACTIVATIONS,
    DROPOUTS,
    MOVES,
    NORMS,
    POOLS,
    RECURRENT,
    REDUCTIONS,
    RESHAPES,
    SIGMOIDS,
    WEIGHTED,
)

_MOST_STEPS = 40


@dataclass(frozen=True, slots=True)
class Step:
    """One operation on the way of the data.

    Arguments:
        kind: weighted, norm, dropout, reshape, move, activation, sigmoid, tanh, pool, recurrent or other.
        call: the call.
    """

    kind: str
    call: Call


def operation(call: Call) -> str:
    """The name of what a call does: of a layer its class, of a function or method its own."""
    if isinstance(call.callee, Product):
        return call.callee.call.name
    return call.name


def kind_of(call: Call) -> str:
    """What a call does, in a word."""
    name = operation(call)
    if name in WEIGHTED:
        return "weighted"
    if name in NORMS:
        return "norm"
    if name in DROPOUTS:
        return "dropout"
    if name in SIGMOIDS:
        return SIGMOIDS[name]
    if name in RESHAPES:
        return "reshape"
    if name in MOVES:
        return "move"
    if name in ACTIVATIONS:
        return "activation"
    if name in POOLS:
        return "pool"
    return "recurrent" if name in RECURRENT else "other"


def input_of(call: Call) -> Value | None:
    """The data that a call works on."""
    if call.name.startswith(".") and not isinstance(call.callee, Product):
        receiver = call.receiver
        # A part of a model, as `self.features(x)`, is a method by its name only.
        by_name = kind_of(call) == "other" and call.name not in REDUCTIONS and call.arguments
        return call.arguments[0] if by_name and not isinstance(receiver, Expression | Item) else receiver
    return call.argument(0, "input", "x")


def before(value: Value | None) -> Iterator[Step]:
    """The operations that lead to a value, nearest first, up to where several come together."""
    for _ in range(_MOST_STEPS):
        if isinstance(value, Item) and isinstance(value.of, Product) and kind_of(value.of.call) == "recurrent":
            value = value.of
        if not isinstance(value, Product) or (isinstance(value.call.callee, External) and _makes(value.call)):
            return
        yield Step(kind_of(value.call), value.call)
        value = input_of(value.call)


def _makes(call: Call) -> bool:
    """Whether a call makes a layer rather than runs one."""
    last = call.name.rpartition(".")[2]
    return call.name.startswith("torch.nn.") and last[:1].isupper()


def consumers(uses: Uses, value: Value) -> list[Call]:
    """The calls that take a value, whole or as a part of something."""
    return list({call.index: call for call in uses.of(value)}.values())


def after(uses: Uses, value: Value | None) -> Iterator[Step]:
    """The operations that a value goes into, nearest first, as long as it is one only."""
    for _ in range(_MOST_STEPS):
        if value is None:
            return
        taken = [call for call in consumers(uses, value) if not is_about_shape(call)]
        if len(taken) != 1 or not is_direct(input_of(taken[0]), value):
            return
        yield Step(kind_of(taken[0]), taken[0])
        value = taken[0].result


def is_about_shape(call: Call) -> bool:
    """Whether a call only asks for a tensor's shape."""
    return call.name in (".size", ".dim", ".numel", "builtins.len")


def is_direct(given: Value | None, value: Value) -> bool:
    """Whether what is given is a value itself, or that with a trained offset added."""
    if given is value:
        return True
    if isinstance(given, Expression) and given.operator == "Add":
        return any(each is value for each in given.operands) and any(is_parameter(each) for each in given.operands)
    return False


def is_parameter(value: Value) -> bool:
    """Whether a value is a trained parameter that the project made."""
    return isinstance(value, Product) and value.call.name in ("torch.nn.Parameter", "torch.nn.parameter.Parameter")


def branches_between(inner: Call, outer: Call) -> bool:
    """Whether a call stands under conditions that another one does not stand under."""
    around = {id(block) for block in outer.within}
    return any(isinstance(block, Branch) and id(block) not in around for block in inner.within)


def construction(use: Call) -> Place:
    """Where the layer is made that a call runs; the call's own place for a function."""
    return use.callee.call.place if isinstance(use.callee, Product) else use.place


def is_none(value: Value | None) -> bool:
    """Whether an argument is left out or None."""
    return value is None or (isinstance(value, Known) and value.value is None)


def channels_last(value: Value | None, depth: int = 0) -> bool | None:
    """Whether the last axis of a tensor with three or more is that of the channels; `None` where nobody knows."""
    if depth > _MOST_STEPS:
        return None
    if isinstance(value, Item) and isinstance(value.of, Product) and kind_of(value.of.call) == "recurrent":
        return True if constant(value.key) == 0 else None
    if not isinstance(value, Product) or (_makes(value.call) and isinstance(value.call.callee, External)):
        return None
    call = value.call
    name, kind = operation(call), kind_of(call)
    if name == "torch.nn.Embedding" or name in ("torch.nn.TransformerEncoder", "torch.nn.TransformerEncoderLayer"):
        return True
    if kind == "weighted" and "Conv" in name:
        return False
    if kind == "move":
        return _moved(call, depth)
    if kind in ("activation", "dropout", "sigmoid", "tanh", "weighted") or name in (
        "torch.nn.LayerNorm",
        ".contiguous",
    ):
        return channels_last(input_of(call), depth + 1)
    return None


def _moved(call: Call, depth: int) -> bool | None:
    given = call.arguments if call.name.startswith(".") else call.arguments[1:]
    flat = [each for value in given for each in getattr(value, "items", (value,))]
    order = tuple(constant_number(each) for each in flat)
    inner = channels_last(input_of(call), depth + 1)
    if call.name.endswith("permute"):
        if order == (0, 2, 3, 1):
            return True
        if order == (0, 3, 1, 2):
            return False
        return not inner if order == (0, 2, 1) and inner is not None else None
    if set(order) in ({1, 2}, {-1, -2}, {1, -1}) and inner is not None:
        return not inner
    return None
