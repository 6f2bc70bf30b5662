"""SN101, SN104 and what is wrong with batches and steps in JAX: how networks are trained."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.batches import DEVICES, Batch, batch_of, is_drawn, way_back
from steadynorm.source.jax.calls import TRAINED, JaxRun, Use, name_of_model
from steadynorm.source.jax.mode import chain, trains
from steadynorm.source.jax.words import EQUINOX, LINEN, MAPS, NNX, PMAPS, context_name, is_gradient
from steadynorm.source.layers.graph import Norm
from steadynorm.source.layers.places import subject_of
from steadynorm.source.layers.sizes import has_one_position, times_around
from steadynorm.source.symbolic.derived import original
from steadynorm.source.symbolic.flow import inside
from steadynorm.source.symbolic.trace import Loop, Run, With
from steadynorm.source.symbolic.values import (
    Expression,
    Item,
    Items,
    Known,
    Partial,
    Product,
    Value,
    constant_int,
    constant_text,
)

_ACCUMULATING = {"optax.MultiSteps": "every_k_schedule", "optax.apply_every": "k"}
_MOMENTUM = 0.99
_FILLED = ("jax.numpy.ones", "jax.numpy.zeros", "numpy.ones", "numpy.zeros")
_KEEPING_ROWS = ("linear", "activation", "dropout", "normalization", "tanh", "sigmoid")
_STEPS = (".apply_gradients", "optax.apply_updates", "equinox.apply_updates")
_CHANGES = (*_STEPS, ".apply_gradient", ".update", ".step", ".run", "jax.flatten_util.ravel_pytree", *MAPS)
"""Calls by which a program may change parameters, be it by hand."""

_BACK = ("flax.nnx.state", "flax.nnx.split", "flax.nnx.pop", "flax.nnx.update")


def look_at_training(jax: JaxRun) -> Iterator[Sighting]:
    """What is wrong with the steps that train networks."""
    trained: list[tuple[Use, Norm]] = []
    for use in jax.model_uses:
        moving = [norm for norm in use.norms if trains(jax, use, norm)]
        if use.purpose != TRAINED:
            continue
        yield from _dropped(jax, use, moving)
        batch = _batch(jax, use)
        if batch is not None and batch.shuffled is False and batch.call is not None:
            yield Sighting("SN906", "jax", batch.call.place, "loop", "data")
        yield from _in_order(jax, use)
        if not moving:
            continue
        yield from _few(jax, use, moving, batch)
        trained += [(use, norm) for norm in moving]
    yield from _lag(trained)
    yield from _accumulated(jax)


def _dropped(jax: JaxRun, use: Use, moving: list[Norm]) -> Iterator[Sighting]:
    """New statistics that nobody takes."""
    if not moving or not jax.run.whole or not _is_training(jax.run):
        return
    if use.library == NNX:
        merged = _merged(use)
        if merged is not None and not any(
            call.name in _BACK and call.index > merged.call.index for call in jax.uses.of(merged)
        ):
            yield Sighting("SN101", "jax", use.place, name_of_model(use), "merged", related=(merged.call.place,))
    elif not jax.keeps_state(use):
        how = "applied" if use.library == LINEN else "state"
        if use.library == LINEN and (use.call is None or "mutable" not in use.call.keywords):
            return
        others = tuple(other for other in jax.model_uses if other.purpose != use.purpose or jax.keeps_state(other))
        place = jax.place_of(use, others)
        name = name_of_model(use)
        model = "model" if name[:1].isupper() else name  # a class and not an object
        yield Sighting("SN101", "jax", place, name, how, facts={"call": f"{model}.apply"})


def _is_training(run: Run) -> bool:
    """Whether a run holds the whole training, though nobody in the project may call the function that it begins with.

    What only takes a gradient may do so for another end, and the methods of an object hand on what nobody sees.
    """
    ways = {"script": _CHANGES, "function": _STEPS}.get(run.kind, ())
    return any(call.name in ways for call in run.calls())


def _merged(use: Use) -> Product | None:
    """The network that was put together inside the gradient, so that its state ends there."""
    start = next((i for i, block in enumerate(use.norms[0].call.within) if is_gradient(block)), None)
    for block in () if start is None else use.norms[0].call.within[start:]:
        for value in chain(block.context) if isinstance(block, With) else ():
            merged = isinstance(value, Product) and value.call.name == "flax.nnx.merge"
            if merged and isinstance(value, Product) and use.gradient in value.call.within:
                return value
    return None


def _batch(jax: JaxRun, use: Use) -> Batch | None:
    return next((batch for value in use.data if (batch := batch_of(value, jax.uses)) is not None), None)


def _few(jax: JaxRun, use: Use, moving: list[Norm], batch: Batch | None) -> Iterator[Sighting]:
    """Batches that are too small for moments, of the whole step or of a device."""
    mapped = next((each for each in use.outside if isinstance(each, With) and context_name(each) in PMAPS), None)
    if mapped is not None:
        size = _per_device(use, batch)
        if size is not None and not any(_is_synchronized(norm) for norm in moving):
            axis = _axis(mapped.context)
            facts = {"samples": size, "axis": axis or "'batch'"}
            yield Sighting("SN801", "jax", _made_at(jax, mapped), name_of_model(use), "pmap", facts=facts)
        return
    if batch is None or batch.size is None:
        return
    rows = _takes_rows(jax, use)
    flat = [norm for norm in moving if has_one_position(jax.graph, norm) or (rows and _is_of_rows(jax, norm))]
    if batch.size == 1 and flat:
        for norm in flat:
            place = norm.made.place
            related = (use.place if batch.call is None else batch.call.place,)
            yield Sighting("SN204", "jax", place, subject_of(norm.made), "training", related=related)
    elif batch.call is not None:
        facts = {"samples": batch.size, "values": batch.size if flat else None}
        yield Sighting("SN505", "jax", batch.call.place, "loop", "batch", facts=facts)


def _takes_rows(jax: JaxRun, use: Use) -> bool:
    """Whether a Flax network is initialized with one row of numbers per sample."""
    for call in jax.run.calls():
        if call.name == ".init" and call.receiver is not None and original(call.receiver) is original(use.model):
            shapes = [_shape(each) for each in call.arguments[1:]]
            known = [each for each in shapes if each is not None]
            return bool(known) and all(len(each.items) == 2 for each in known)
    return False


def _shape(value: Value) -> Items | None:
    """The shape of an array that is made of ones or zeros."""
    if isinstance(value, Product) and value.call.name in _FILLED:
        shape = value.call.argument(0, "shape")
        return shape if isinstance(shape, Items) and shape.whole else None
    return None


def _is_of_rows(jax: JaxRun, norm: Norm) -> bool:
    """Whether nothing on the way to a layer gives rows more positions."""
    for step in jax.graph.before(norm.input):
        if step.kind not in _KEEPING_ROWS and step.call.name != "jax.numpy.concatenate":
            return False
    return True


def _is_synchronized(norm: Norm) -> bool:
    given = norm.made.keywords.get("axis_name")
    return given is not None and given != Known(None)


def _made_at(jax: JaxRun, mapped: With) -> Place:
    """Where a function was mapped over devices."""
    context = mapped.context
    if isinstance(context, Partial) and context.place is not None:
        return context.place
    if isinstance(context, Product):
        return context.call.place
    calls = [call for call in jax.run.calls() if call.name in PMAPS and call.index <= _first_index(jax, mapped)]
    return calls[-1].place if calls else mapped.place


def _first_index(jax: JaxRun, mapped: With) -> int:
    return next((index for index, event in enumerate(jax.run.events) if event is mapped), 0)


def _axis(context: Value) -> str | None:
    given: Value | None = None
    if isinstance(context, Partial):
        given = context.keywords.get("axis_name")
    elif isinstance(context, Product):
        given = context.call.argument(1, "axis_name")
    name = constant_text(given)
    return None if name is None else repr(name)


def _per_device(use: Use, batch: Batch | None) -> int | None:
    """The samples of one device, where the program says so."""
    if batch is not None and batch.per_replica:
        return batch.size
    for value in use.data:
        for each in way_back(value):
            size = _beside_devices(each)
            if size is not None:
                return size
    if batch is not None and batch.call is not None:
        # batch(a).batch(devices)
        outer, inner = batch.call, batch.call.receiver
        size_of = outer.argument(0, "batch_size")
        if isinstance(inner, Product) and inner.call.name == ".batch" and _is_devices(size_of):
            return constant_int(inner.call.argument(0, "batch_size"))
    return None


def _is_devices(value: Value | None) -> bool:
    return isinstance(value, Product) and value.call.name in DEVICES


def _beside_devices(value: Value) -> int | None:
    """The number beside that of the devices in the shape that a value is given, or its indices are."""
    shapes: list[Value] = []
    if isinstance(value, Product) and value.call.name == ".reshape":
        shapes = [*value.call.arguments, Items("tuple", {"items": value.call.arguments})]
    elif isinstance(value, Product):
        shapes = list(value.call.callbacks.values())
        inner = [size for each in shapes if isinstance(each, Product) and (size := _beside_devices(each)) is not None]
        return inner[0] if inner else None
    elif isinstance(value, Item) and isinstance(value.key, Product):
        given = value.key.call.argument(None, "size", "shape")
        shapes = [] if given is None else [given]
    for shape in shapes:
        for each in inside(shape):
            if isinstance(each, Items) and len(each.items) > 1 and _is_devices(each.items[0]):
                second = constant_int(each.items[1])
                if second is not None and second > 0:
                    return second
    return None


def _lag(trained: list[tuple[Use, Norm]]) -> Iterator[Sighting]:
    """Averages that are too slow for the number of steps, of all calls in training together."""
    by_layer: dict[Place, dict[int, tuple[Use, Norm]]] = {}
    for use, norm in trained:
        # Linen makes its layers again in every call; of several that one line makes, one is like the others.
        by_layer.setdefault(norm.made.place, {}).setdefault(id(use), (use, norm))
    for place, by_use in by_layer.items():
        calls = list(by_use.values())
        made = calls[0][1].made
        steps = [
            times_around(norm.call if use.library != LINEN or use.call is None else use.call) for use, norm in calls
        ]
        known = [each for each in steps if each is not None]
        in_loops = any(isinstance(block, Loop) for use, _ in calls for block in use.outside)
        if len(known) < len(steps) or not in_loops:
            continue
        given = made.argument(2 if made.name.startswith("flax.linen") else None, "momentum")
        # An average that begins with the first batch is no worse than that.
        library = calls[0][0].library
        decay = getattr(given, "value", None) if given is not None else _MOMENTUM if library != EQUINOX else None
        if type(decay) is float:
            facts = {"decay": decay, "steps": sum(known)}
            yield Sighting("SN104", "jax", place, subject_of(made), "steps", facts=facts)


def _accumulated(jax: JaxRun) -> Iterator[Sighting]:
    """Gradients that are summed over several batches."""
    if not jax.graph.made:
        return
    for call in jax.run.calls():
        name = _ACCUMULATING.get(call.name)
        if name is not None:
            steps = constant_int(call.argument(1 if name == "every_k_schedule" else 0, name))
            if steps is not None and steps > 1:
                kind = call.name.rpartition(".")[2]
                yield Sighting("SN802", "jax", call.place, kind, "optimizer", facts={"steps": steps})


def _in_order(jax: JaxRun, use: Use) -> Iterator[Sighting]:
    """Slices of arrays that a loop takes one after the other."""
    for value in use.data:
        for each in way_back(value):
            if isinstance(each, Item) and each.place is not None and _is_next_slice(each.key):
                if not is_drawn(jax.uses, each.of):
                    yield Sighting("SN906", "jax", each.place, "slice", "data")
                return


def _is_next_slice(key: Value | None) -> bool:
    """Whether a slice begins at what a loop over a range counts."""
    if not isinstance(key, Expression) or not key.operands:
        return False
    return any(
        isinstance(each, Item) and isinstance(each.of, Product) and each.of.call.name == "builtins.range"
        for each in inside(key.operands[0])
    )
