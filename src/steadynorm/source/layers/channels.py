"""Whether a reshape leaves each channel what it was: a bias per channel is cancelled behind it only then."""

from __future__ import annotations

from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import Items, Product, Value

_RESHAPES = frozenset({"reshape", "Reshape"})
_MIXING = frozenset({"depth_to_space"})
_SIZES = ("units", "filters", "features", "out_features", "out_channels", "num_outputs", "output_dim")


def keeps_channels(reshape: Call, layer: Call) -> bool:
    """Whether the last axis behind a reshape is that of a layer's outputs, as far as is known; other axes may change.

    Arguments:
        reshape: the call that reshapes.
        layer: the call of the layer, or the one that made it.
    """
    made = reshape.callee.call if isinstance(reshape.callee, Product) else reshape
    name = made.name.rpartition(".")[2]
    if name in _MIXING:
        return False
    if name not in _RESHAPES:
        return True
    last = _last(made)
    sizes = [*layer.arguments, *(layer.keywords[each] for each in _SIZES if each in layer.keywords)]
    sizes += [size for each in layer.arguments if (size := _last_of_variable(each)) is not None]
    return last is not None and any(each is last or each == last for each in sizes)


def _last(made: Call) -> Value | None:
    """The size of the last axis that a reshape is given."""
    shape = made.argument(None, "shape", "target_shape", "newshape", "new_sizes")
    given = (shape,) if shape is not None else made.arguments
    if not given:
        return None
    last = given[-1]
    if isinstance(last, Items):
        return last.items[-1] if last.whole and last.items else None
    return last


def _last_of_variable(value: Value) -> Value | None:
    """The size of the last axis of a variable that is made with a shape, as a bias that is added is."""
    if not isinstance(value, Product) or not value.call.name.endswith(("get_variable", ".add_weight")):
        return None
    shape = value.call.argument(1, "shape")
    return shape.items[-1] if isinstance(shape, Items) and shape.whole and shape.items else None
