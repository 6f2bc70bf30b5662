"""The range of values that a program scales its data to, where it says so."""

from __future__ import annotations

from typing import TypeAlias

from steadynorm.source.layers.words import KINDS
from steadynorm.source.symbolic.values import (
    Expression,
    Item,
    Items,
    Known,
    Product,
    Value,
    constant_int,
    constant_number,
)

Range: TypeAlias = tuple[float, float]

UNIT: Range = (0.0, 1.0)
SYMMETRIC: Range = (-1.0, 1.0)
PIXELS: Range = (0.0, 255.0)

_SCALES = {255.0: PIXELS, 256.0: PIXELS, 127.5: PIXELS, 128.0: PIXELS}
"""What data are that are divided by, or moved by, these numbers."""

_SAME = (".astype", ".numpy", ".transpose", ".shuffle", ".batch", ".cache", ".prefetch", ".repeat", ".take", ".unbatch")
_SAME_ARGUMENT = ("tensorflow.cast", "tensorflow.image.resize", "tensorflow.convert_to_tensor", "jax.device_put")
_ITERATED = (".as_numpy_iterator", "tensorflow_datasets.as_numpy", "builtins.iter", "builtins.next", "tqdm.tqdm")
_BINARY_LABELS = ("keras.datasets.imdb.load_data",)
_CLOSE = 0.02


def range_of(value: Value | None) -> Range | None:
    """The range of a value; `None` where the program does not say."""
    value = source_of(value)
    if isinstance(value, Expression):
        return _of_arithmetic(value)
    if isinstance(value, Product) and KINDS.get(value.call.name) == "reshape":
        given = value.call.receiver if value.call.name.startswith(".") else value.call.argument(0)
        return range_of(given)
    if isinstance(value, Item) and value.key == Known(1) and isinstance(value.of, Item):
        of = value.of.of
        if isinstance(of, Product) and of.call.name in _BINARY_LABELS:
            return UNIT
    return None


def _of_arithmetic(value: Expression) -> Range | None:
    if value.operator not in ("Add", "Sub", "Mult", "Div") or len(value.operands) != 2:
        return None
    left, right = value.operands
    number = constant_number(right)
    if number is None:
        return None
    known = range_of(left)
    if known is None and value.operator in ("Div", "Sub") and not _is_scaled(left):
        known = _SCALES.get(number)
    if known is None:
        return None
    low, high = known
    if value.operator == "Div":
        return (low / number, high / number) if number > 0 else None
    if value.operator == "Mult":
        return (low * number, high * number) if number > 0 else None
    shift = number if value.operator == "Add" else -number
    return low + shift, high + shift


def _is_scaled(value: Value) -> bool:
    return isinstance(source_of(value), Expression)


def source_of(value: Value | None) -> Value | None:
    """What a value is made of, behind data sets, iterations and conversions that keep it as it is."""
    path: list[Value | None] = []
    while value is not None:
        if isinstance(value, Item):
            path.append(value.key)
            value = value.of
        elif isinstance(value, Product):
            call = value.call
            if call.name == ".map" and call.callbacks:
                value = next(iter(call.callbacks.values()))
                value, path = _taken(value, path)
            elif call.name == "tensorflow.data.Dataset.from_tensor_slices" and call.arguments:
                value, path = _taken(call.arguments[0], path)
            elif call.name in _SAME and call.receiver is not None:
                value = call.receiver
            elif call.name in _ITERATED or call.name in _SAME_ARGUMENT:
                value = call.receiver if call.name.startswith(".") else call.argument(0)
            else:
                break
        else:
            value, path = _taken(value, path)
            break
    for key in reversed(path):
        if key is not None and isinstance(value, Product | Item):
            value = Item(value, key)
    return value


def _taken(value: Value, path: list[Value | None]) -> tuple[Value, list[Value | None]]:
    """The member of a pair that is taken on the way; iterations take none."""
    positions = [position for key in path if (position := constant_int(key)) is not None]
    if isinstance(value, Items) and positions and -len(value.items) <= positions[-1] < len(value.items):
        return value.items[positions[-1]], []
    return value, []


def is_about(found: Range, wanted: Range) -> bool:
    """Whether two ranges are one, but for pixels that are divided by 256."""
    return all(abs(a - b) < _CLOSE for a, b in zip(found, wanted, strict=True))


def written(value: Range) -> str:
    """A range as it is written: `[-1, 1]`."""
    return f"[{value[0]:.3g}, {value[1]:.3g}]"
