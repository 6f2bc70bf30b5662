"""Switches of which nobody knows whom they reach: something is picked from an object by a name that is not known."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.source.symbolic.flow import inside
from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import Attribute, Instance, Item, Items, Product, Table, Value, options_of
from steadynorm.source.torch.models import Key, Models, is_module

_PICKS = frozenset({"builtins.getattr", "builtins.vars"})
_PICKING_METHODS = frozenset({".get", ".values"})


def reached_by_luck(call: Call, models: Models) -> Iterator[Key]:
    """The models of which some, nobody knows which, are switched by a call of `eval()` or `train()`.

    Arguments:
        call: the call.
        models: the models of the run.

    Returns:
        Their keys; none where it is known whom the call reaches.
    """
    for value in () if call.receiver is None else options_of(call.receiver):
        holder = _holder(value)
        if holder is not None:
            yield from _models_of(holder, models)


def switched_by_name(call: Call, models: Models) -> Iterator[Key]:
    """The models that `getattr(model, name)()` may switch, where the name of the method is not known."""
    callee = call.callee
    if not isinstance(callee, Product) or callee.call.name != "builtins.getattr":
        return
    if callee.call.arguments and not call.arguments and not call.keywords and not call.more:
        yield from _models_of(callee.call.arguments[0], models)


def _holder(value: Value) -> Value | None:
    """What something is picked from by a name that is not known; `None` for what is named."""
    inner, picked = value, False
    while True:
        if isinstance(inner, Item) or (isinstance(inner, Attribute) and inner.name == "__dict__"):
            inner = inner.of
        elif isinstance(inner, Product) and inner.call.name in _PICKS and inner.call.arguments:
            inner, picked = inner.call.arguments[0], True
        elif isinstance(inner, Product) and inner.call.name in _PICKING_METHODS and inner.call.receiver is not None:
            inner = inner.call.receiver
        else:
            break
    # Items of a model, as of a sequence of layers, are parts of it that have keys of their own.
    return inner if picked or (inner is not value and isinstance(inner, Instance | Items | Table)) else None


def _models_of(holder: Value, models: Models) -> Iterator[Key]:
    """A model; of another object, a list or a table what it has, some of which may be models."""
    values: list[Value] = []
    for each in options_of(holder):
        if isinstance(each, Instance) and not is_module(each):
            values += each.attributes.values()
        else:
            values.append(each)
    for value in inside(*values):
        key = models.key(value) if isinstance(value, Instance | Product | Attribute) else None
        if key is not None:
            yield key
