"""SN506 and SN905 for layers that are objects: weight decay that takes gamma and beta in, and initial weights."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.program import Sighting
from steadynorm.source.layers.graph import LayerGraph
from steadynorm.source.layers.places import framework_of, subject_of
from steadynorm.source.layers.words import KINDS, made_by, name_of
from steadynorm.source.symbolic.flow import inside
from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import (
    Attribute,
    Comprehension,
    Expression,
    Item,
    Known,
    Product,
    Value,
    Wrapped,
    constant_number,
)

_REGULARIZERS = ("gamma_regularizer", "beta_regularizer")
_DECAYING = {
    "keras.optimizers.AdamW": 0.004,
    "keras.optimizers.experimental.AdamW": 0.004,
    "tensorflow_addons.optimizers.AdamW": None,
    "tensorflow_addons.optimizers.SGDW": None,
    "keras.optimizers.Lion": None,
    "optax.adamw": 1e-4,
    "optax.nadamw": 1e-4,
    "optax.lion": 1e-3,
    "optax.lamb": 0.0,
    "optax.add_decayed_weights": 0.0,
    "optax.transforms.add_decayed_weights": 0.0,
    "optax.additive_weight_decay": 0.0,
}
"""Optimizers with weight decay, with how much they have unless told otherwise; `None` where it must be said."""

_DECAY_FIRST = ("add_decayed_weights", "additive_weight_decay", "addons.optimizers.AdamW", "addons.optimizers.SGDW")
_EXCLUDING = (".exclude_from_weight_decay",)
_SQUARES = ("tensorflow.nn.l2_loss", "jax.numpy.sum", "jax.numpy.square", "jax.numpy.vdot", "optax.l2_loss", ".sum")
_SQUARES_KERAS = ("tensorflow.reduce_sum", "tensorflow.square", "keras.ops.sum", "keras.ops.square")
_ALL_VARIABLES = ("trainable_variables", "trainable_weights", "variables", "weights")
_LEAVES = ("jax.tree_util.tree_leaves", "jax.tree_leaves", "jax.tree.leaves")

_NORMAL = {
    "keras.initializers.RandomNormal": 1,
    "keras.initializers.random_normal": 1,
    "keras.initializers.TruncatedNormal": 1,
    "keras.initializers.truncated_normal": 1,
    "tensorflow.random_normal_initializer": 1,
    "tensorflow.truncated_normal_initializer": 1,
    "tensorflow.initializers.RandomNormal": 1,
    "jax.nn.initializers.normal": 0,
    "jax.nn.initializers.truncated_normal": 0,
    "flax.linen.initializers.normal": 0,
    "flax.linen.initializers.truncated_normal": 0,
    "flax.nnx.initializers.normal": 0,
    "flax.nnx.initializers.truncated_normal": 0,
}
"""Plain normal initializers, with the position of the standard deviation."""

_KERNELS = ("kernel_initializer", "kernel_init", "depthwise_initializer", "pointwise_initializer")


def look_at_settings(graph: LayerGraph) -> Iterator[Sighting]:
    """Weight decay and initializers in programs with normalization layers."""
    if not graph.made:
        return
    framework = framework_of(graph.made[0])
    for made in graph.made:
        yield from _regularized(made)
    for call in graph.run.calls():
        yield from _decayed(graph, call, framework)
        yield from _summed(call, framework)
        layer = made_by(call)
        if layer is not None:
            yield from (each for each in _initialized(layer) if _is_hidden(graph, call))


def _regularized(made: Call) -> Iterator[Sighting]:
    for name in _REGULARIZERS:
        given = made.keywords.get(name)
        if given is not None and given != Known(None):
            related = (given.call.place,) if isinstance(given, Product) else ()
            yield Sighting("SN506", framework_of(made), made.place, name, "regularizer", related=related)


def _decayed(graph: LayerGraph, call: Call, framework: str) -> Iterator[Sighting]:
    name = call.name
    decay = call.keywords.get("weight_decay")
    if name not in _DECAYING and not (name.startswith("keras.optimizers.") and decay is not None):
        return
    if call.more or any(word in call.keywords for word in ("mask", "exclude_from_weight_decay")):
        return
    if decay is None and name.endswith(_DECAY_FIRST):
        decay = call.argument(0)
    value = _DECAYING.get(name) if decay is None else getattr(decay, "value", None)
    if isinstance(decay, Known) and not isinstance(decay.value, int | float):
        return
    if decay is not None and not isinstance(decay, Known):
        value = None
    elif not value:
        return
    if name.startswith("optax.") and len(call.arguments) > (2 if name.endswith("weights") else 6):
        return
    if any(each.name in _EXCLUDING and _is_result(each.receiver, call) for each in graph.run.calls()):
        return
    facts = {"decay": value}
    yield Sighting("SN506", framework, call.place, name.rpartition(".")[2], "optimizer", facts=facts)


def _is_result(value: Value | None, call: Call) -> bool:
    return isinstance(value, Product) and value.call is call


def _summed(call: Call, framework: str) -> Iterator[Sighting]:
    """The squares of all variables, summed by hand without a choice of them."""
    for value in inside(*call.arguments):
        if not isinstance(value, Comprehension) or value.tests or len(value.sources) != 1:
            continue
        source = value.sources[0]
        every = isinstance(source, Attribute) and source.name in _ALL_VARIABLES
        leaves = isinstance(source, Product) and source.call.name in _LEAVES and not _are_gradients(source.call)
        if (every or leaves) and _is_square(value.element):
            yield Sighting("SN506", framework, call.place, "the sum of squares", "sum")
            return


def _are_gradients(leaves: Call) -> bool:
    """Whether the leaves are those of gradients, whose squares are summed for their norm."""
    made = (value.call.callee for value in inside(*leaves.arguments) if isinstance(value, Product))
    return any(isinstance(each, Wrapped) and "grad" in name_of(each.by) for each in made)


def _is_square(value: Value) -> bool:
    if isinstance(value, Expression):
        return value.operator == "Pow" and value.operands[1] == Known(2) and isinstance(value.operands[0], Item)
    if isinstance(value, Product):
        call = value.call
        given = call.receiver if call.name.startswith(".") else call.argument(0)
        if call.name in ("tensorflow.nn.l2_loss", "jax.numpy.square", "tensorflow.square", "keras.ops.square"):
            return isinstance(given, Item)
        if call.name in (*_SQUARES, *_SQUARES_KERAS):
            return given is not None and _is_square(given)
    return False


def _is_hidden(graph: LayerGraph, call: Call) -> bool:
    """Whether other layers read a layer's result: at the output small weights are usual."""
    kinds = {step.kind for step in graph.after(call.result)} if call.result is not None else set()
    return bool(kinds & {"normalization", "convolution", "linear", "activation", "pooling", "dropout"})


def _initialized(call: Call) -> Iterator[Sighting]:
    """Kernels that begin with a plain normal distribution."""
    if KINDS.get(call.name) not in ("convolution", "linear"):
        return
    for name in _KERNELS:
        given = call.keywords.get(name)
        if not isinstance(given, Product) or given.call.name not in _NORMAL:
            continue
        deviation = constant_number(given.call.argument(_NORMAL[given.call.name], "stddev"))
        if deviation is not None:
            facts = {"deviation": deviation, "layer": subject_of(call)}
            subject = name_of(given.call.callee).rpartition(".")[2]
            framework = framework_of(call)
            yield Sighting("SN905", framework, given.call.place, subject, "normal", facts=facts, related=(call.place,))
