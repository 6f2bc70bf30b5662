"""One pass forwards and backwards over the first batch, with everything that it shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from steadynorm.evidence import Array
from steadynorm.experiments.broadcasting import is_broadcast
from steadynorm.experiments.free_outputs import uninformed
from steadynorm.experiments.records import Activation, FirstPass, Range, Term, Weight
from steadynorm.experiments.terms import terms, total
from steadynorm.experiments.trainee import ENLARGED
from steadynorm.keras.backends import backend
from steadynorm.keras.batches import arrays_of, is_array, numbers_of
from steadynorm.keras.calling import Calling
from steadynorm.keras.calls import Called, standing_in
from steadynorm.keras.differentiation import beside_gradients, gradients, output_by_batch
from steadynorm.keras.layers import named_layers, normalization_layers, sublayers, value


def first_pass(calling: Calling, batch: Any, optimizers: Sequence[Any]) -> FirstPass:
    """Runs the model once by the moments of the batch and looks at it; nothing is changed.

    Arguments:
        calling: the model and the subject's functions.
        batch: the batch.
        optimizers: those that the subject's functions reach.

    Raises:
        UnusableInputError: the model or a function of the subject refuses the batch.
    """
    model = calling.subject.model
    trained = _trained(model, optimizers)
    seen = _Seen(model)
    with standing_in(seen.standins()):
        output = output_by_batch(calling, batch)
    target = beside_gradients(calling.target(batch))
    shapes = _shapes(output, target)
    if calling.subject.loss is None:
        return FirstPass(trained, None, **shapes, activations=tuple(seen.activations))
    found = {name: numbers_of(term) for name, term in terms(calling.result("loss", output, target)).items()}
    arrived = _gradients(calling, batch, target, total)
    without = [name for name, gradient in arrived.items() if gradient is None]
    owners = {name: layer for name, layer, _ in _parameters(model)}
    return FirstPass(
        trained,
        float(total(found)),
        chance=_chance(calling, output, target),
        classes=_classes(output, target),
        terms=_terms(calling, batch, target, found),
        **shapes,
        outputs=_bounds(calling, batch, seen.last) if shapes["targets"] is not None else None,
        coupled=_coupled(calling, output, target),
        weights=tuple(_weights(model, arrived)),
        activations=tuple(seen.activations),
        without_gradient=tuple(name for name in without if id(owners[name]) in seen.called),
        not_called=tuple(name for name in without if id(owners[name]) not in seen.called),
    )


class _Seen:
    """Which layers are called, and what those without parts give."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.called = {id(model)}
        self.activations: list[Activation] = []
        self.last: Any = None

    def standins(self) -> Iterator[tuple[Any, Callable[[Called], Any]]]:
        for name, layer in named_layers(self.model).items():
            yield layer, self._look(name)

    def _look(self, name: str) -> Callable[[Called], Any]:
        def look(called: Called) -> Any:
            output = called.run()
            self.called.add(id(called.layer))
            if sublayers(called.layer):
                return output
            if _scaling(called.layer):
                self.last = called.layer
            for values in _known(output):
                if np.issubdtype(values.dtype, np.floating) and values.size > 1:
                    deviation = float(values.astype(np.float64).std(ddof=1))
                    self.activations.append(Activation(name, type(called.layer).__name__, deviation))
                    break
            return output

        return look


def _known(output: Any) -> Iterator[Any]:
    """The values of a layer's outputs; none inside of a loop that the backend compiles, as of a recurrent layer."""
    for each in arrays_of(output):
        try:
            yield numbers_of(each)
        except TypeError:
            return


def _trained(model: Any, optimizers: Sequence[Any]) -> bool:
    """Whether an optimizer has made a step, or a normalization layer holds other statistics than it begins with."""
    counts = [value(each.iterations) for each in optimizers]
    return any(count is not None and count[0] > 0 for count in counts) or any(
        np.any(value(layer.moving_mean) != 0) or np.any(value(layer.moving_variance) != 1)
        for layer in normalization_layers(model).values()
    )


def _parameters(model: Any) -> Iterator[tuple[str, Any, Any]]:
    """Name, layer and variable of everything that is trained."""
    trained = {id(each) for each in model.trainable_variables}
    for path, layer in {"": model, **named_layers(model)}.items():
        for each in layer._trainable_variables:
            if id(each) in trained:
                yield f"{path}/{each.name}".lstrip("/"), layer, each


def _gradients(calling: Calling, batch: Any, target: Any, number: Callable[[Any], Any]) -> dict[str, Any]:
    named = {name: each for name, _, each in _parameters(calling.subject.model)}
    _, found = gradients(
        calling, batch, list(named.values()), lambda output: number(calling.result("loss", output, target))
    )
    return {
        name: None if gradient is None else numbers_of(gradient).astype(np.float64)
        for name, gradient in zip(named, found, strict=True)
    }


def _terms(calling: Calling, batch: Any, target: Any, found: Mapping[str, Any]) -> dict[str, Term]:
    if len(found) < 2:
        return {}

    def gradient(name: str) -> float | None:
        arrived = _gradients(calling, batch, target, lambda result: terms(result)[name]).values()
        norms = [float(np.linalg.norm(each)) for each in arrived if each is not None]
        return math.hypot(*norms) if norms else None

    return {name: Term(float(term), gradient(name)) for name, term in found.items()}


def _weights(model: Any, arrived: Mapping[str, Any]) -> Iterator[Weight]:
    for name, layer, variable in _parameters(model):
        inputs = _inputs(layer, variable)
        if inputs is None:
            continue
        gradient = arrived[name]
        scale = None if gradient is None else float(np.sqrt(np.square(gradient).mean()))
        yield Weight(name, inputs, float(numbers_of(variable.value).astype(np.float64).std(ddof=1)), scale)


def _inputs(layer: Any, variable: Any) -> int | None:
    """How many inputs each output of a kernel sums up; `None` for what is no kernel."""
    shape = tuple(map(int, variable.shape))
    size = math.prod(shape)
    if len(shape) < 2 or size < 2 or isinstance(layer, keras.layers.Embedding):
        return None  # an embedding has one input at a time: its width says nothing about its scale
    if isinstance(layer, keras.layers.EinsumDense):
        given, outputs = layer.equation.split("->")
        kernel = given.split(",")[1]
        return math.prod(length for label, length in zip(kernel, shape, strict=True) if label not in outputs)
    if isinstance(layer, _TRANSPOSED):
        return size // shape[-2]
    if variable.name == "depthwise_kernel" or isinstance(layer, _DEPTHWISE):
        return size // (shape[-1] * shape[-2])
    return size // shape[-1]


def _shapes(output: Any, target: Any) -> dict[str, Any]:
    output_shape, target_shape = (tuple(map(int, e.shape)) if is_array(e) else None for e in (output, target))
    is_range = is_array(target) and _is_floating(target) and output_shape == target_shape
    return {
        "output_shape": output_shape,
        "target_shape": target_shape,
        "targets": _range(target) if is_range else None,
    }


def _is_floating(tensor: Any) -> bool:
    return np.issubdtype(numbers_of(tensor).dtype, np.floating)


def _range(tensor: Any) -> Range | None:
    values = numbers_of(tensor)
    return Range(float(values.min()), float(values.max())) if values.size else None


def _chance(calling: Calling, output: Any, target: Any) -> float | None:
    """The loss of outputs that know nothing."""
    if not is_array(output) or not _is_floating(output):
        return None
    try:
        instead = keras.ops.convert_to_tensor(uninformed(numbers_of(output)))
        return float(numbers_of(total(calling.result("loss", instead, target))))
    except Exception:  # a loss may refuse such outputs; there is nothing to compare with then
        return None


def _classes(output: Any, target: Any) -> int | None:
    if not is_array(output) or not is_array(target) or _is_floating(target) or len(output.shape) < 2:
        return None
    *cells, classes = output.shape
    return int(classes) if tuple(target.shape) in (tuple(cells), (*cells, 1)) else None


def _coupled(calling: Calling, output: Any, target: Any) -> bool | None:
    """Whether broadcasting makes the loss compare each prediction with the targets of the other samples."""
    if not is_array(output) or not is_array(target) or not _is_floating(output):
        return None

    def gradient(predictions: Array, targets: Array) -> Any:
        return _gradient_of_output(calling, predictions, targets)

    return is_broadcast(numbers_of(output), numbers_of(target), gradient)


def _gradient_of_output(calling: Calling, predictions: Array, targets: Array) -> Any:
    _, (found,) = backend().gradients(
        lambda free: total(calling.result("loss", free[0], beside_gradients(targets))),
        [keras.ops.convert_to_tensor(predictions)],
    )
    return numbers_of(found)


def output_gradient(calling: Calling, batch: Any) -> Array | None:
    """The gradient of the loss for each number of the output, `None` where output and target are not of one shape."""
    output, target = output_by_batch(calling, batch), calling.target(batch)
    if not is_array(output) or not is_array(target) or tuple(output.shape) != tuple(target.shape):
        return None
    found: Array = _gradient_of_output(calling, numbers_of(output), numbers_of(target))
    return found


def _bounds(calling: Calling, batch: Any, last: Any) -> Range | None:
    """The range of the outputs, once the last layer with weights gives large numbers of both signs."""
    if last is None:
        return None
    given: list[Any] = []

    def look(called: Called) -> Any:
        output = called.run()
        given.extend(map(numbers_of, arrays_of(output)))
        return output

    with standing_in(iter([(last, look)])):
        output_by_batch(calling, batch)
    factor = ENLARGED / max(float(given[-1].std()), 1e-12)
    output = output_by_batch(calling, batch, [(each, each.value * factor) for each in _scaling(last)])
    return _range(output) if is_array(output) else None


def _scaling(layer: Any) -> list[Any]:
    """The variables that scale what a layer gives."""
    return [each for each in layer._trainable_variables if len(each.shape) > 1 or each.name == "gamma"]


_TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
