"""SN106 for networks that are called: normalization that is written by hand and has the moments of the batch only."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.symbolic.flow import behind, inside
from steadynorm.source.symbolic.trace import Assign, Call, Return, Run
from steadynorm.source.symbolic.values import Attribute, Choice, Expression, Item, Items, Known, Product, Value

_NORMALIZING = frozenset(
    {
        "tensorflow.nn.batch_normalization",
        "keras.ops.batch_normalization",
        "keras.ops.nn.batch_normalization",
        "keras.backend.batch_normalization",
    }
)
"""Functions of a value, its mean and its variance."""

_MOMENTS = frozenset({"tensorflow.nn.moments", "keras.ops.moments", "keras.ops.nn.moments"})
_MEANS = frozenset(
    {
        "tensorflow.reduce_mean",
        "tensorflow.math.reduce_mean",
        "keras.ops.mean",
        "keras.backend.mean",
        "jax.numpy.mean",
        ".mean",
    }
)
_SPREADS = frozenset(
    {
        "tensorflow.math.reduce_std",
        "tensorflow.math.reduce_variance",
        "keras.ops.std",
        "keras.ops.var",
        "keras.backend.std",
        "keras.backend.var",
        "jax.numpy.std",
        "jax.numpy.var",
        ".std",
        ".var",
    }
)
_KEPT = (".assign", ".assign_add", ".assign_sub", ".add_update", "tensorflow.train.assign_moving_average", ".variable")
_AVERAGING = ("keras.backend.moving_average_update",)
_WEIGHTS = (".add_weight", ".add_variable", ".param", "tensorflow.Variable")


def by_hand(run: Run, framework: str, counts: Callable[[Call | Return], bool]) -> Iterator[Sighting]:
    """Normalization by batch moments that nothing averages.

    Arguments:
        run: the run.
        framework: whose program it is.
        counts: whether what happens in an event is a part of a network.
    """
    kept = _averaged(run)
    for call in run.calls():
        if call.name in _NORMALIZING and counts(call):
            data, mean = call.argument(0, "x"), call.argument(1, "mean")
            if data is not None and _is_mean_of(mean, data) and not _moments_in(mean) & kept:
                yield _sighting(framework, call.place, call.name.rpartition(".")[2])
    yield from _by_operators(run, framework, counts, kept)


def _sighting(framework: str, place: Place, subject: str) -> Sighting:
    return Sighting("SN106", framework, place, subject, "moments")


def _averaged(run: Run) -> set[int]:
    """The moments that something keeps an average of."""
    found: set[int] = set()
    for event in run.events:
        if isinstance(event, Call) and (event.name in _KEPT or event.name in _AVERAGING):
            found |= {
                id(each.call)
                for each in behind(*event.arguments, *event.callbacks.values())
                if isinstance(each, Product)
            }
        elif isinstance(event, Assign):
            found |= {id(each.call) for each in behind(event.value) if isinstance(each, Product)}
    return found


def _by_operators(
    run: Run, framework: str, counts: Callable[[Call | Return], bool], kept: set[int]
) -> Iterator[Sighting]:
    """`(x - mean) / sqrt(variance + epsilon)`, in whatever order it is written."""
    around: dict[int, Expression] = {}
    differences: list[Expression] = []
    seen: set[int] = set()
    for event in run.events:
        if not isinstance(event, Call | Return) or not counts(event):
            continue
        values = (event.value,) if isinstance(event, Return) else (*event.arguments, *event.keywords.values())
        for value in inside(*values, *(() if isinstance(event, Return) or not event.receiver else (event.receiver,))):
            if not isinstance(value, Expression) or id(value) in seen:
                continue
            seen.add(id(value))
            for operand in value.operands:
                around[id(operand)] = value
            if value.operator == "Sub" and len(value.operands) == 2:
                differences.append(value)
    for difference in differences:
        data, mean = difference.operands
        if not _is_mean_of(mean, data) or _is_weight(data) or _moments_in(mean) & kept:
            continue
        whole: Expression | None = difference
        while whole is not None:
            if whole.operator in ("Div", "Mult") and any(_is_spread_of(each, data) for each in whole.operands):
                place = whole.place or difference.place
                if place is not None:
                    yield _sighting(framework, place, "(x - mean) / deviation")
                break
            whole = around.get(id(whole))


def _moments_in(value: Value | None) -> set[int]:
    return {id(each.call) for each in inside(*(() if value is None else (value,))) if isinstance(each, Product)}


def _is_mean_of(value: Value | None, data: Value) -> bool:
    """Whether a value is a mean over the batch, for each channel, of something."""
    while isinstance(value, Item):
        value = value.of
    if isinstance(value, Choice) or not isinstance(value, Product):
        return False
    call = value.call
    return call.name in _MEANS | _MOMENTS and _given(call) is data and _is_over_batch(call)


def _is_spread_of(value: Value, data: Value) -> bool:
    """Whether a value is made of the deviation or variance of something over the batch."""
    for each in behind(value):
        if isinstance(each, Product) and _is_over_batch(each.call):
            call = each.call
            if call.name in _SPREADS | _MOMENTS and _given(call) is data:
                return True
            if call.name in _MEANS and any(inner is data for inner in behind(*call.arguments)):
                return True
    return False


def _given(call: Call) -> Value | None:
    return call.receiver if call.name.startswith(".") else call.argument(0, "x", "input_tensor", "a")


def _is_over_batch(call: Call) -> bool:
    """Whether the axes that a call reduces have the batch among them and leave the channels."""
    axes = call.argument(0 if call.name.startswith(".") else 1, "axis", "axes")
    if isinstance(axes, Known):
        return axes.value == 0 and type(axes.value) is int
    if isinstance(axes, Items) and axes.whole:
        known = [getattr(each, "value", None) for each in axes.items]
        return 0 in known and -1 not in known and all(type(each) is int for each in known)
    return False


def _is_weight(value: Value) -> bool:
    """Whether a value is a weight, whose own moments are another matter."""
    while isinstance(value, Attribute | Item):
        if isinstance(value, Attribute) and value.name in ("kernel", "weight", "weights"):
            return True
        value = value.of
    return isinstance(value, Product) and value.call.name in _WEIGHTS
