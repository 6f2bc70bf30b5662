"""Whether a bias is still one number for each channel behind what reshapes the tensor that it was added to."""

from __future__ import annotations

from collections.abc import Iterable

from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import Items, Known, Product, Value
from steadynorm.source.tensorflow.chain import Link
from steadynorm.source.tensorflow.scopes import argument
from steadynorm.source.tensorflow.words import DENSE, VARIABLES, made_by, op_name, short

_SHAPING = ("tensorflow.reshape", "keras.layers.Reshape")
_BREAKING = ("tensorflow.depth_to_space", "tensorflow.transpose", "tensorflow.batch_to_space")


def keeps_bias(link: Link, reshapes: Iterable[Link]) -> bool:
    """Whether a mean over everything but the channels cancels a bias behind some reshapes.

    It does if the channels stay the last axis, or become a part of it. A dense layer's output that becomes an image has
    a bias for each position of it.

    Arguments:
        link: what adds the bias.
        reshapes: what stands between it and the layer.
    """
    width = _bias_width(link)
    for each in reshapes:
        if each.call is None or op_name(each.call) in _BREAKING:
            return False
        if op_name(each.call) in _SHAPING and not _fits(_last_size(each.call), width):
            return False
    return True


def _bias_width(link: Link) -> Value | None:
    """How many numbers a bias has."""
    if link.kind == "bias":
        return _variable_width(link.bias)
    if link.call is None:
        return None
    made = made_by(link.call)
    if made is not None:
        return made.argument(0, "units", "filters")
    return argument(link.call, op_name(link.call), 1, *_names(op_name(link.call)))


def _names(name: str) -> tuple[str, ...]:
    return ("units", "num_outputs") if name in DENSE else ("filters", "num_outputs")


def _variable_width(value: Value | None) -> Value | None:
    if not isinstance(value, Product) or short(value.call.name) not in VARIABLES:
        return None
    if value.call.name != "tensorflow.Variable":
        return _last(value.call.argument(1, "shape"))
    first = value.call.argument(0, "initial_value")
    if not isinstance(first, Product):
        return None
    constant = first.call.name == "tensorflow.constant"
    return _last(first.call.argument(2 if constant else 0, "shape"))


def _last_size(call: Call) -> Value | None:
    made = made_by(call)
    return _last(call.argument(1, "shape") if made is None else made.argument(0, "target_shape"))


def _last(shape: Value | None) -> Value | None:
    return shape.items[-1] if isinstance(shape, Items) and shape.whole and shape.items else None


def _fits(last: Value | None, width: Value | None) -> bool:
    if isinstance(last, Known) and isinstance(width, Known):
        sizes = last.value, width.value
        return all(type(each) is int and each > 0 for each in sizes) and sizes[0] % sizes[1] == 0
    return last is not None and last is width
