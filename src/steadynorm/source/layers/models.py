"""Which normalization layers are inside a model, a network or a part of one."""

from __future__ import annotations

from steadynorm.source.layers.words import NORMALIZATIONS
from steadynorm.source.symbolic.containers import layers_of
from steadynorm.source.symbolic.derived import original
from steadynorm.source.symbolic.flow import calls_behind
from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import (
    Choice,
    Comprehension,
    Instance,
    Item,
    Items,
    Product,
    Table,
    Value,
    Wrapped,
)
from steadynorm.source.symbolic.vocabulary import LISTS, SEQUENCES, WRAPPERS

FUNCTIONAL = ("keras.Model",)
_COPIES = ("keras.clone_model", "copy.deepcopy", "copy.copy", "flax.nnx.clone")
_APPLICATIONS = "keras.applications."
_WITHOUT_NORMALIZATION = ("VGG", "ConvNeXt")
_LOADED = ("keras.load_model", "keras.saving.load_model")


def norms_in(value: Value | None, seen: set[int] | None = None) -> tuple[Call, ...]:
    """The calls that made the normalization layers inside a value; of a ready-made model its own call.

    Arguments:
        value: a model, a layer, or a list of them.
        seen: what was looked at on the way.
    """
    seen = set() if seen is None else seen
    if value is None or id(value) in seen:
        return ()
    seen.add(id(value))
    if isinstance(value, Instance):
        if value.created is not None and set(value.of.external_bases()) & set(NORMALIZATIONS):
            return (value.created,)
        return _all((*value.attributes.values(), *layers_of(value)), seen) or _of_functional(value, seen)
    if isinstance(value, Items):
        return _all(value.items, seen)
    if isinstance(value, Table):
        return _all(tuple(value.entries.values()), seen)
    if isinstance(value, Comprehension):
        return norms_in(value.element, seen)
    if isinstance(value, Choice):
        return _all(value.options, seen)
    if isinstance(value, Wrapped):
        return norms_in(value.function, seen)
    if isinstance(value, Product | Item):
        base = original(value)
        if base is not value:
            return norms_in(base, seen)
        return _of_product(value, seen) if isinstance(value, Product) else ()
    return ()


def _of_functional(value: Instance, seen: set[int]) -> tuple[Call, ...]:
    """Those of an object whose class is a functional model's: it is made of inputs and outputs."""
    created = value.created
    if created is None or not set(value.of.external_bases()) & set(FUNCTIONAL):
        return ()
    return _all(tuple(each.callee for each in calls_behind(*created.arguments, *created.keywords.values())), seen)


def _of_product(value: Product, seen: set[int]) -> tuple[Call, ...]:
    call = value.call
    if call.name in NORMALIZATIONS or is_ready_made(call):
        return (call,)
    if call.name in SEQUENCES | LISTS:
        layers = call.argument(0, "layers")
        return _all((*layers_of(call), *(() if layers is None else (layers,))), seen)
    if call.name in FUNCTIONAL:
        outputs = call.argument(1, "outputs")
        inside = tuple(calls_behind(*(() if outputs is None else (outputs,))))
        ready = tuple(each for each in inside if is_ready_made(each))
        return tuple(dict.fromkeys((*_all(tuple(each.callee for each in inside), seen), *ready)))
    if call.name in WRAPPERS or call.name in _COPIES:
        return norms_in(call.argument(0, "model"), seen)
    return ()


def _all(values: tuple[Value, ...], seen: set[int]) -> tuple[Call, ...]:
    found = [call for value in values for call in norms_in(value, seen)]
    return tuple(dict.fromkeys(found))


def is_ready_made(call: Call) -> bool:
    """Whether a call gives a network of Keras's that has normalization layers."""
    name = call.name.rpartition(".")[2]
    if not call.name.startswith(_APPLICATIONS) or not name[:1].isupper():
        return False
    return not name.startswith(_WITHOUT_NORMALIZATION)


def is_pretrained(call: Call) -> bool:
    """Whether a ready-made network comes with trained weights."""
    given = call.argument(1, "weights")
    return is_ready_made(call) and (given is None or getattr(given, "value", True) is not None)


def is_loaded(value: Value | None) -> bool:
    """Whether a model comes whole from a file."""
    return isinstance(value, Product) and value.call.name in _LOADED


def name_of_model(model: Value | None) -> str:
    """What a model's author calls it: its class, or what made it."""
    if isinstance(model, Instance):
        return model.of.name
    return model.call.name.rpartition(".")[2] if isinstance(model, Product) else "model"
