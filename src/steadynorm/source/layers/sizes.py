"""How many values, samples and steps there are, where the program says so."""

from __future__ import annotations

from steadynorm.source.defaults import Defaults, length_of_range
from steadynorm.source.layers.graph import LayerGraph, Norm
from steadynorm.source.symbolic.trace import Call, Callback, Loop
from steadynorm.source.symbolic.values import Items, Known, Product, Value, constant_int

_FLATTENING = ("Flatten",)
_ENLARGING = ("Transpose", "Deconvolution")


def has_one_position(graph: LayerGraph, norm: Norm) -> bool:
    """Whether a layer is surely given one value per sample and channel."""
    for step in graph.before(norm.input):
        name = step.call.name if step.made is None else step.made.name
        if step.kind in ("linear", "activation", "dropout", "normalization"):
            if step.made is not None and _is_flat(step.made.argument(None, "input_shape", "input_dim")):
                return True
            continue
        if step.kind == "convolution" and not any(word in name for word in _ENLARGING):
            # What it makes of one position is one position, or it fails.
            continue
        if step.kind == "reshape":
            return name.endswith(_FLATTENING) or (name == "keras.layers.Reshape" and _is_single(step.made))
        if step.kind == "pooling":
            return ".Global" in name or _takes_both_axes(step.call)
        return name == "keras.layers.Input" and _is_flat((step.made or step.call).argument(0, "shape"))
    return False


def _is_single(made: Call | None) -> bool:
    """Whether a `Reshape` gives one position per sample."""
    shape = None if made is None else made.argument(0, "target_shape")
    if not isinstance(shape, Items) or not shape.whole or not shape.items:
        return False
    return all(each == Known(1) for each in shape.items[:-1])


def _is_flat(shape: Value | None) -> bool:
    if isinstance(shape, Items):
        return shape.whole and len(shape.items) == 1
    return constant_int(shape) is not None


def _takes_both_axes(call: Call) -> bool:
    axes = call.argument(0 if call.name.startswith(".") else 1, "axis")
    return isinstance(axes, Items) and {getattr(each, "value", None) for each in axes.items} in ({1, 2}, {1, 2, 3})


def times_around(call: Call) -> float | None:
    """How often a call is made by the loops around it; `None` where that is not known."""
    times = 1.0
    for block in call.within:
        if isinstance(block, Callback):
            return None
        # Of a short loop each iteration has calls of its own.
        if isinstance(block, Loop) and not block.unrolled:
            count = _count(block.over)
            if count is None:
                return None
            times *= count
    return times


def _count(over: Value) -> float | None:
    if isinstance(over, Items):
        return len(over.items) if over.counted else None
    if isinstance(over, Product):
        call = over.call
        if call.name == "builtins.range":
            length = length_of_range(call, Defaults(()))
            return length.value if length is not None and length.sure else None
        if call.name in ("tqdm.tqdm", "tqdm.auto.tqdm", "builtins.enumerate", "tqdm.trange") and call.arguments:
            first = call.arguments[0]
            return constant_int(first) if call.name == "tqdm.trange" else _count(first)
        if call.name == ".take":
            return constant_int(call.argument(0, "count"))
    return None
