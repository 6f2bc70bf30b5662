"""One pass forwards and backwards over the first batch, with everything that it shows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from steadynorm.evidence import Array
from steadynorm.experiments.broadcasting import is_broadcast, pairs_samples
from steadynorm.experiments.free_outputs import uninformed
from steadynorm.experiments.records import Activation, FirstPass, Range, Term, Weight
from steadynorm.experiments.trainee import ENLARGED
from steadynorm.graphs.operations import ACTIVATIONS, ADDITIONS, CONVOLUTIONS, LINEAR, POOLING, SQUASHING
from steadynorm.graphs.reachability import PASSING_OPS
from steadynorm.tensorflow.calling import Calling, is_fractions
from steadynorm.tensorflow.graph_copy.any_shape import loss_of_any_shape
from steadynorm.tensorflow.graph_copy.differentiation import NoGradientError, gradients
from steadynorm.tensorflow.graph_copy.flow import always_run, upstream
from steadynorm.tensorflow.training_signs import is_trained

_WEIGHING = CONVOLUTIONS | LINEAR
_LAYERS = _WEIGHING | ACTIVATIONS | SQUASHING | POOLING | (ADDITIONS & {"BiasAdd"})
_READING = PASSING_OPS | {"ReadVariableOp", "Cast"}
_TRANSPOSED = frozenset(each for each in CONVOLUTIONS if "BackpropInput" in each)


def first_pass(calling: Calling, batch: Any) -> FirstPass:
    """Runs the copy once by the moments of the batch and looks at it.

    Arguments:
        calling: the copy.
        batch: the batch.

    Raises:
        UnusableInputError: the graph refuses the batch.
    """
    trained = is_trained(calling.subject.model, calling.copied)
    outputs = calling.run(calling.predictions, batch)
    output, target = (outputs[0] if len(outputs) == 1 else None), calling.target(batch)
    shapes = _shapes(output, target)
    activations = tuple(_activations(calling, batch))
    if calling.loss is None:
        return FirstPass(trained, None, **shapes, activations=activations)
    found = _gradients(calling)
    # What another train op trains belongs to another loss.
    others = calling.copied.layers.trained - set(calling.trained)
    called = {each.name for each in upstream([calling.loss, *calling.predictions])}
    without = [name for name, each in found.items() if each is None and name not in others]
    arrived = calling.values({name: each for name, each in found.items() if each is not None}, batch)
    return FirstPass(
        trained,
        float(calling.run([calling.loss], batch)[0]),
        chance=_chance(calling, batch),
        classes=_classes(output, target),
        terms=dict(_terms(calling, batch)),
        **shapes,
        outputs=_bounds(calling, batch) if shapes["targets"] is not None else None,
        coupled=_coupled(calling, batch, output, target),
        weights=tuple(_weights(calling, arrived)),
        activations=activations,
        without_gradient=tuple(each for each in without if each in called),
        not_called=tuple(each for each in without if each not in {*called, *calling.trained}),
    )


def _gradients(calling: Calling) -> Mapping[str, Any]:
    """The gradients by parameter, `None` where none arrives; none at all where TensorFlow takes none."""
    try:
        return calling.gradients(calling.loss)
    except NoGradientError:
        return {}


def _terms(calling: Calling, batch: Any) -> Iterator[tuple[str, Term]]:
    terms = () if calling.path is None else calling.path.terms
    for each in terms if len(terms) > 1 else ():
        number = calling.mean([each])
        try:
            found = {name: gradient for name, gradient in calling.gradients(number).items() if gradient is not None}
        except NoGradientError:
            return
        norms = [float(np.linalg.norm(np.ravel(value))) for value in calling.values(found, batch).values()]
        yield each.op.name, Term(float(calling.run([number], batch)[0]), math.hypot(*norms) if norms else None)


def _activations(calling: Calling, batch: Any) -> Iterator[Activation]:
    own = {each.name for each in calling.subject.model.session.graph.get_operations()}
    found = {
        each.name: each
        for each in always_run(calling.predictions)
        if each.type in _LAYERS and each.name in own and each.outputs[0].dtype.is_floating
    }
    with calling.graph.as_default():
        named = {name: tf.math.reduce_std(tf.cast(each.outputs[0], tf.float32)) for name, each in found.items()}
    for name, deviation in calling.values(named, batch).items():
        yield Activation(name, found[name].type, float(deviation))


def _weights(calling: Calling, arrived: Mapping[str, Any]) -> Iterator[Weight]:
    for name in calling.parameters:
        values = np.asarray(calling.copied.values[name], np.float64)
        inputs = _inputs(calling.held(name), values.shape)
        if inputs is None or values.size < 2:
            continue
        gradient = arrived.get(name)
        scale = None if gradient is None else float(np.sqrt(np.square(np.asarray(gradient, np.float64)).mean()))
        yield Weight(name, inputs, float(values.std(ddof=1)), scale)


def _inputs(held: Any, shape: tuple[int, ...]) -> int | None:
    """How many inputs each output of a kernel sums up; `None` for what is no kernel, as an embedding."""
    size = math.prod(shape)
    for tensor, operation in _readers(held):
        if operation.type not in _WEIGHING or len(shape) < 2:
            continue
        if operation.type in _TRANSPOSED:
            return size // shape[-2]
        if operation.type == "DepthwiseConv2dNative":
            return size // (shape[-1] * shape[-2])
        is_second = operation.inputs[-1] is tensor or operation.inputs[-1].name == tensor.name
        if operation.type == "MatMul":
            is_transposed = operation.get_attr("transpose_b" if is_second else "transpose_a")
            return shape[0] if is_second is not is_transposed else shape[1]
        return size // shape[-1]
    return None


def _readers(held: Any) -> Iterator[tuple[Any, Any]]:
    """What reads a variable, behind whatever only passes it on, each with the tensor that it reads."""
    seen: set[Any] = set()
    waiting = [held]
    while waiting:
        tensor = waiting.pop()
        for operation in tensor.consumers():
            if operation.type not in _READING:
                yield tensor, operation
            elif operation not in seen:
                seen.add(operation)
                waiting += operation.outputs


def _shapes(output: Any, target: Any) -> dict[str, Any]:
    is_range = is_fractions(target) and output is not None and output.shape == target.shape
    return {
        "output_shape": None if output is None else output.shape,
        "target_shape": None if target is None else target.shape,
        "targets": _range(target) if is_range else None,
    }


def _range(values: Any) -> Range | None:
    return Range(float(values.min()), float(values.max())) if values.size else None


def _chance(calling: Calling, batch: Any) -> float | None:
    """The loss of outputs that know nothing."""
    if calling.path is None or not calling.path.predictions:
        return None
    outputs = calling.run(calling.path.free, batch)
    instead = {each.name: uninformed(value) for each, value in zip(calling.path.free, outputs, strict=True)}
    return float(calling.run([calling.loss], batch, instead)[0])


def _classes(output: Any, target: Any) -> int | None:
    if output is None or target is None or output.ndim < 2 or is_fractions(target) or not is_fractions(output):
        return None
    *cells, classes = output.shape
    return int(classes) if target.shape in (tuple(cells), (*cells, 1)) else None


def _coupled(calling: Calling, batch: Any, output: Any, target: Any) -> bool | None:
    """Whether broadcasting makes the loss compare each prediction with the targets of the other samples."""
    place = calling.subject.labels
    if output is None or target is None or place is None or not is_fractions(output):
        return None
    if not pairs_samples(output.shape, target.shape):
        return None
    try:
        loss, *free = loss_of_any_shape(calling.loss, calling.predictions[0], calling.copied.tensor(place))
        (arriving,) = gradients(loss, free[:1])
    except (NoGradientError, ValueError):  # an operation may be made for one shape
        return None

    def gradient(predictions: Array, targets: Array) -> Any:
        given = {each.name: value for each, value in zip(free, (predictions, targets), strict=True)}
        return calling.run([arriving], batch, given)[0]

    return None if arriving is None else is_broadcast(output, target, gradient)


def output_gradient(calling: Calling, batch: Any) -> Array | None:
    """The gradient of the loss for each number of the output, `None` where output and target are not of one shape."""
    target = calling.target(batch)
    if len(calling.predictions) != 1 or calling.loss is None or target is None:
        return None
    try:
        (arriving,) = gradients(calling.loss, calling.predictions)
    except NoGradientError:
        return None
    found: Array | None = None if arriving is None else calling.run([arriving], batch)[0]
    return found if found is not None and found.shape == target.shape else None


def _bounds(calling: Calling, batch: Any) -> Range | None:
    """The range of the outputs, once the last layer with weights gives large numbers of both signs."""
    if len(calling.predictions) != 1:
        return None
    normalized = calling.copied.normalized()
    last = None
    for each in always_run(calling.predictions):
        if each.type in _WEIGHING or (each.outputs and each.outputs[0].name in normalized):
            last = each.outputs[0]
    if last is None:
        return None
    given = np.asarray(calling.run([last], batch)[0])
    factor = ENLARGED / max(float(given.astype(np.float64).std()), 1e-12)
    return _range(calling.run(calling.predictions, batch, {last.name: (given * factor).astype(given.dtype)})[0])
