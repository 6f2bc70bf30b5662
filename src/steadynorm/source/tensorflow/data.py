"""What the data of a TensorFlow 1 program are like: how many values per sample, in which range, in which order."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.source.symbolic.flow import behind
from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import (
    Attribute,
    Expression,
    Item,
    Items,
    Known,
    Product,
    Value,
    constant_int,
    constant_number,
)
from steadynorm.source.tensorflow.norms import Norm
from steadynorm.source.tensorflow.scopes import argument
from steadynorm.source.tensorflow.words import DENSE, DROPOUTS, PLACEHOLDERS, RECTIFIERS, made_by, op_name, short
from steadynorm.source.tensorflow.world import World

_POOLED = ("tensorflow.reduce_mean", "tensorflow.reduce_max", "tensorflow.reduce_sum")
_FLAT = ("tensorflow.layers.flatten", "contrib.flatten", "keras.layers.Flatten", "tensorflow.layers.Flatten")
_SAME = (
    RECTIFIERS | DROPOUTS | {"tensorflow.identity", "tensorflow.nn.bias_add", "tensorflow.cast", "tensorflow.to_float"}
)
_MNIST = "tensorflow.examples.tutorials.mnist"
_MOST = 40


def values_per_sample(world: World, norm: Norm) -> int | None:
    """1 if a layer gets one value per channel and sample; `None` if that is not known."""
    value = norm.input if norm.input is not None else norm.call.argument(0, "inputs")
    if norm.inner and op_name(norm.call) not in DENSE:
        return None
    for _ in range(_MOST):
        if isinstance(value, Item):
            return 1 if _is_row(value) else None
        if isinstance(value, Expression) and value.operator == "Add":
            value = value.operands[0]
            continue
        if not isinstance(value, Product):
            return None
        call, name = value.call, op_name(value.call)
        if name in _FLAT or (name in _POOLED and _over_positions(call)):
            return 1
        if name == "tensorflow.reshape":
            shape = call.argument(1, "shape")
            return 1 if isinstance(shape, Items) and len(shape.items) == 2 else None
        if name in PLACEHOLDERS:
            shape = call.argument(1, "shape")
            return 1 if isinstance(shape, Items) and len(shape.items) == 2 else None
        if name not in DENSE and name not in _SAME and not _is_pointwise(call, name):
            return None
        value = call.argument(0, "inputs", "a", "x", "features", "value")
    return None


def _over_positions(call: Call) -> bool:
    axes = call.argument(1, "axis", "reduction_indices")
    if not isinstance(axes, Items):
        return False
    known = [each.value for each in axes.items if isinstance(each, Known)]
    return known in ([1, 2], [2, 3], [1, 2, 3])


def _is_pointwise(call: Call, name: str) -> bool:
    """Whether a convolution looks at one position at a time."""
    if "conv" not in name:
        return False
    size = argument(call, name, 2, "kernel_size")
    made = made_by(call)
    if made is not None:
        size = made.argument(1, "kernel_size")
    values = size.items if isinstance(size, Items) else (size,)
    return all(each == Known(1) for each in values)


def _is_row(value: Item) -> bool:
    """Whether an item of a dataset's element is a row, by the shapes that its generator declares."""
    position = constant_int(value.key)
    for call in dataset_of(value.of):
        if call.name.endswith(".from_generator"):
            shapes = call.argument(2, "output_shapes")
            if isinstance(shapes, Items) and position is not None and position < len(shapes.items):
                shape = shapes.items[position]
                return isinstance(shape, Items) and len(shape.items) == 1
    return False


def dataset_of(value: Value | None) -> Iterator[Call]:
    """The calls that made a dataset, last first, from an element of it on."""
    while isinstance(value, Product):
        yield value.call
        value = value.call.receiver


def range_of(world: World, value: Value | None, depth: int = 0) -> tuple[float, float] | None:
    """The range of the values of data, as their scaling says: (0, 1) or (−1, 1); `None` if nothing says so."""
    if value is None or depth > _MOST:
        return None
    if isinstance(value, Expression):
        return _scaled(world, value, depth)
    if isinstance(value, Item):
        if isinstance(value.of, Product) and value.of.call.name == ".next_batch":
            return (0, 1) if value.key == Known(0) and _is_mnist(value.of.call) else None
        if isinstance(value.of, Product) and value.of.call.name == ".get_next":
            return _of_element(world, value.of, value.key, depth)
        return range_of(world, value.of, depth + 1)
    if isinstance(value, Attribute) and value.name == "images":
        return (0, 1) if any(_names_mnist(each) for each in behind(value)) else None
    if not isinstance(value, Product):
        return None
    call, name = value.call, short(value.call.name)
    if name in PLACEHOLDERS:
        return _fed(world, value, depth)
    if name == ".get_next":
        return _of_element(world, value, None, depth)
    if name in ("tensorflow.reshape", "tensorflow.cast", "tensorflow.identity", "numpy.reshape", "numpy.array"):
        return range_of(world, call.argument(0), depth + 1)
    if name in (".astype", ".reshape", ".copy", ".transpose"):
        return range_of(world, call.receiver, depth + 1)
    if name == "tensorflow.image.convert_image_dtype":
        return 0, 1
    return None


def _scaled(world: World, value: Expression, depth: int) -> tuple[float, float] | None:
    left, right = value.operands[0], value.operands[-1]
    number = constant_number(right)
    if value.operator == "Div" and number is not None:
        if number in (255, 256):
            return 0, 1
        return None
    if value.operator == "Sub" and number == 1 and isinstance(left, Expression):
        inner = left.operands[-1]
        if left.operator == "Div" and isinstance(inner, Known) and inner.value in (127.5, 128, 127):
            return -1, 1
        if (left.operator == "Mult" and Known(2) in left.operands) or Known(2.0) in left.operands:
            other = next((each for each in left.operands if not isinstance(each, Known)), None)
            return (-1, 1) if range_of(world, other, depth + 1) == (0, 1) else None
    if (
        value.operator == "Mult"
        and Known(2) in value.operands
        and isinstance(left, Expression)
        and left.operator == "Sub"
    ):
        half = left.operands[1]
        if half == Known(0.5) and range_of(world, left.operands[0], depth + 1) == (0, 1):
            return -1, 1
    return None


def _is_mnist(call: Call) -> bool:
    return any(_names_mnist(each) for each in behind(*(() if call.receiver is None else (call.receiver,))))


def _names_mnist(value: Value) -> bool:
    return isinstance(value, Product) and value.call.name.startswith(_MNIST)


def _fed(world: World, tensor: Product, depth: int) -> tuple[float, float] | None:
    """The range of what is fed for a placeholder in training, if it is one."""
    found = {
        range_of(world, session.feeds[tensor], depth + 1)
        for session in world.trainings
        if session.feeds is not None and tensor in session.feeds
    }
    return found.pop() if len(found) == 1 else None


def _of_element(world: World, element: Product, key: Value | None, depth: int) -> tuple[float, float] | None:
    for call in dataset_of(element):
        if call.name == ".map" and call.callbacks:
            given = next(iter(call.callbacks.values()))
            position = constant_int(key)
            if isinstance(given, Items) and position is not None:
                return range_of(world, given.items[position], depth + 1) if position < len(given.items) else None
            return range_of(world, given, depth + 1) if key is None else None
    return None
