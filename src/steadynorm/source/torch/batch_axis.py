"""Where the axis of the samples is in a tensor: whether moments are taken over a batch, or of each sample by itself."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.source.symbolic.trace import Call, Frame
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
from steadynorm.source.torch.program import is_forward
from steadynorm.source.torch.words import RESHAPES, short

_TURNS = ("transpose", "swapaxes", "swapdims", "permute", "t", "T", "mT")
_SIZES = ("view", "reshape")


def batch_axis(value: Value, stack: tuple[Frame, ...]) -> int | None:
    """The position of the samples' axis, as far as the way is seen that a tensor took through shapes; `None` where it
    has none, as one sample has not, or a batch that was folded into the channels.

    Arguments:
        value: the tensor.
        stack: the functions around: what a model is given has the samples first.
    """
    given = {id(each) for frame in stack if is_forward(frame) for each in frame.arguments.values()}
    axis: int | None = 0
    for step in reversed(list(_way(value, given))):
        axis = _after(step, axis)
    return axis


def is_over_batch(use: Call) -> bool:
    """Whether a layer or function that normalizes per channel, its second axis, takes the moments over samples."""
    given = use.argument(0, "input")
    return given is None or batch_axis(given, use.stack) not in (None, 1)


def _way(value: Value, given: set[int]) -> Iterator[Value]:
    """What was done to the shape of a tensor, the last first."""
    while id(value) not in given:
        if isinstance(value, Item) or (isinstance(value, Attribute) and value.name in _TURNS):
            yield value
            value = value.of
        elif isinstance(value, Expression):
            value = next((each for each in value.operands if not isinstance(each, Known)), Known(None))
        elif isinstance(value, Product) and (value.call.name in RESHAPES or short(value.call.name) in _TURNS):
            yield value
            call = value.call
            value = call.receiver or (call.arguments[0] if call.arguments else Known(None))
        else:
            return


def _after(step: Value, axis: int | None) -> int | None:
    if axis is None:
        return None
    if isinstance(step, Item):
        return _of_item(step, axis)
    if isinstance(step, Attribute):
        return 1 - axis if axis < 2 else None
    assert isinstance(step, Product)
    call, name = step.call, short(step.call.name)
    axes = _sizes(call)
    if name in _SIZES:
        return _of_sizes(axes, axis)
    numbers = [constant_int(each) for each in axes]
    if name == "permute":
        return numbers.index(axis) if axis in numbers else axis
    if name in ("transpose", "swapaxes", "swapdims") and len(numbers) == 2:
        first, second = numbers
        return second if axis == first else first if axis == second else axis
    if name == "t":
        return 1 - axis if axis < 2 else axis
    if name == "unsqueeze" and numbers[:1] and numbers[0] is not None:
        return axis + 1 if 0 <= numbers[0] <= axis else axis
    if name == "flatten":
        return min(axis, (numbers[0] if numbers else 0) or 0)
    return axis


def _of_item(step: Item, axis: int) -> int | None:
    """What an iteration gives, or a counter, is one sample. What is taken by a constant may be a tensor of a tuple."""
    key = step.key
    first = key.items[0] if isinstance(key, Items) and key.items else key
    if axis == 0 and (first is None or isinstance(first, Item) or _is_one(first)):
        return None
    return axis


def _is_one(key: Value) -> bool:
    """Whether it is a slice of one sample, as in `x[i : i + 1]`."""
    if not isinstance(key, Expression) or key.operator != "Slice":
        return False
    start, stop, *_ = key.operands
    return (
        isinstance(stop, Expression)
        and stop.operator == "Add"
        and any(each is start for each in stop.operands)
        and any(constant_number(each) == 1 for each in stop.operands)
    )


def _of_sizes(sizes: tuple[Value, ...], axis: int) -> int | None:
    first = sizes[0] if sizes else None
    if constant_number(first) == 1:
        return None
    if axis == 0 or constant_number(first) == -1 or (isinstance(first, Expression) and first.operator == "Mult"):
        return 0
    return 1


def _sizes(call: Call) -> tuple[Value, ...]:
    """The numbers that a call is given, one by one or in a tuple."""
    given = call.arguments if call.receiver is not None else call.arguments[1:]
    given = (*given, *call.keywords.values())
    first = given[0] if given else None
    return first.items if isinstance(first, Items) else given
