"""SN511 in PyTorch: padded positions among those that a normalization layer averages over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from steadynorm.place import Place
from steadynorm.source.symbolic.flow import behind, inside
from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import (
    Attribute,
    Expression,
    Function,
    Item,
    Items,
    Parameter,
    Product,
    Value,
    Wrapped,
    constant_int,
)
from steadynorm.source.torch.chains import input_of, kind_of, operation
from steadynorm.source.torch.program import TorchProgram
from steadynorm.source.torch.words import LOADERS

_PASSED = ("reshape", "activation", "move", "dropout", "weighted")
_UNPACKS = ("torch.nn.utils.rnn.pad_packed_sequence",)
_PADS = ("torch.nn.utils.rnn.pad_sequence",)
_DIFFER = "whether the sequences of one batch differ in length"
_COMPARISONS = ("Lt", "LtE", "Gt", "GtE", "NotEq", "Eq", "Compare")


@dataclass(frozen=True, slots=True)
class Padding:
    """Where padding comes from.

    Arguments:
        how: unpacked, masked or collated.
        place: where it is made.
        settle: what would settle whether there is any; `None` where that is sure.
    """

    how: str
    place: Place
    settle: str | None = None


def padding_before(program: TorchProgram, use: Call) -> Padding | None:
    """The padding that a normalization takes for data; `None` if none is known."""
    value: Value | None = input_of(use)
    for _ in range(20):
        if isinstance(value, Item) and isinstance(value.of, Product) and value.of.call.name in _UNPACKS:
            return Padding("unpacked", value.of.call.place)
        if isinstance(value, Expression):
            masked = _masked(value)
            return None if masked is None else Padding("masked", masked)
        if isinstance(value, Item):
            return _loaded(value)
        if not isinstance(value, Product):
            return None
        if operation(value.call) == "torch.nn.Embedding":
            return _collated(value.call)
        if kind_of(value.call) not in _PASSED or value.call.name in (".masked_select",):
            return None
        value = input_of(value.call)
    return None


def _masked(value: Expression) -> Place | None:
    if value.operator != "Mult" or value.place is None:
        return None
    return value.place if any(_is_mask(each) for each in value.operands) else None


def _is_mask(value: Value) -> bool:
    """Whether a value is named a mask, or made by a comparison of positions with lengths."""
    for each in _plainly_behind(value):
        name = each.name if isinstance(each, Parameter | Attribute) else ""
        if "mask" in name.lower() or "valid" in name.lower():
            return True
        if isinstance(each, Expression) and each.operator in _COMPARISONS:
            return any("length" in _name(part) or "len" in _name(part) for part in inside(each))
    return False


def _name(value: Value) -> str:
    return value.name.lower() if isinstance(value, Parameter | Attribute) else ""


def _plainly_behind(value: Value) -> Iterator[Value]:
    """What a value is made of by changes of shape and type only."""
    for _ in range(10):
        yield value
        if isinstance(value, Product) and kind_of(value.call) == "reshape":
            given = input_of(value.call)
            if given is None:
                return
            value = given
        elif isinstance(value, Item):
            value = value.of
        else:
            return


def _collated(embedding: Call) -> Padding | None:
    """Whether what is embedded was padded when it was put into a batch."""
    for value in behind(*embedding.arguments[:1]):
        if isinstance(value, Product) and value.call.name in LOADERS:
            pads = _pads(value.call)
            if pads is not None:
                return Padding("collated", pads, _DIFFER)
    return None


def _loaded(value: Item) -> Padding | None:
    """Whether a loader's `collate_fn` pads what it gives at one position, as the features of speech."""
    inner: Value = value
    while isinstance(inner, Item) and isinstance(inner.of, Item):
        inner = inner.of
    loader = inner.of if isinstance(inner, Item) else inner
    if inner is value or not isinstance(loader, Product) or loader.call.name not in LOADERS:
        return None
    position = constant_int(value.key)
    for batch in loader.call.callbacks.values():
        if position is None or not isinstance(batch, Items) or not 0 <= position < len(batch.items):
            continue
        padded = batch.items[position]
        if isinstance(padded, Product) and padded.call.name in _PADS:
            return Padding("collated", padded.call.place, _DIFFER)
    return None


def _pads(loader: Call) -> Place | None:
    given = loader.argument(6, "collate_fn")
    while isinstance(given, Wrapped):
        given = given.function
    if not isinstance(given, Function):
        return None
    for value in behind(*loader.callbacks.values()):
        if isinstance(value, Product) and value.call.name in _PADS:
            return value.call.place
    return None
