"""How many rows are fed: a single one, whose moments are the row itself, or a batch."""

from __future__ import annotations

from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import External, Item, Items, Known, Product, Value, constant_int
from steadynorm.source.tensorflow.norms import Kind, Norm
from steadynorm.source.tensorflow.runs import Session
from steadynorm.source.tensorflow.words import PLACEHOLDERS, short
from steadynorm.source.tensorflow.world import World

_AS_IT_IS = ("numpy.array", "numpy.asarray", "numpy.float32")
_METHODS = (".astype", ".copy")
_NEW_AXIS = (Known(None), External("numpy.newaxis"))


def acts_on_one_row(world: World, norm: Norm, session: Session) -> bool:
    """Whether a single row is run through a layer to get an answer for it, in a program that trains on batches."""
    if world.is_training(session) or norm.kind is Kind.FUSED or not takes_one_row(world, norm, session):
        return False
    return not any(takes_one_row(world, norm, each) for each in world.trainings if norm.call in each.reached)


def takes_one_row(world: World, norm: Norm, session: Session) -> bool:
    """Whether all data that a layer's input is computed from are one row each."""
    source = norm.input if norm.input is not None else norm.call.argument(0)
    if source is None:
        return False
    rows = [_rows(call, session) for call in world.placeholders([source]) if not _is_setting(call, norm, session)]
    return bool(rows) and all(each == 1 for each in rows)


def _is_setting(placeholder: Call, norm: Norm, session: Session) -> bool:
    """Whether a placeholder is a mode or a rate, and not data."""
    if norm.mode.tensor is placeholder.result:
        return True
    fed = (session.feeds or {}).get(placeholder.result)
    return isinstance(fed, Known)


def _rows(placeholder: Call, session: Session) -> int | None:
    if short(placeholder.name) not in PLACEHOLDERS:
        return None
    shape = placeholder.argument(1, "shape")
    first = constant_int(shape.items[0]) if isinstance(shape, Items) and shape.items else None
    if first is not None:
        return first
    return 1 if is_one_row((session.feeds or {}).get(placeholder.result)) else None


def is_one_row(value: Value | None) -> bool:
    """Whether an array surely has a single row: `[x]`, `x[None]`, `np.expand_dims(x, 0)`, `x.reshape(1, -1)`."""
    while isinstance(value, Product) and (value.call.name in _AS_IT_IS or value.call.name in _METHODS):
        call = value.call
        value = call.receiver if call.name in _METHODS else call.argument(0)
    if isinstance(value, Items):
        return value.whole and len(value.items) == 1
    if isinstance(value, Item):
        key = value.key
        return (key.items[0] if isinstance(key, Items) and key.items else key) in _NEW_AXIS
    if not isinstance(value, Product):
        return False
    call = value.call
    if call.name == "numpy.expand_dims":
        return call.argument(1, "axis") == Known(0)
    if call.name not in (".reshape", "numpy.reshape"):
        return False
    shape = call.argument(0 if call.name == ".reshape" else 1, "newshape", "shape")
    return (shape.items[0] if isinstance(shape, Items) and shape.items else shape) == Known(1)
