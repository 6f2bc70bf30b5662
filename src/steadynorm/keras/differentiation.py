"""Runs a Keras model as it runs in training, without a change to it, and takes gradients on every backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras

from steadynorm import nests
from steadynorm.keras.backends import backend
from steadynorm.keras.batches import is_array
from steadynorm.keras.calling import Calling
from steadynorm.keras.calls import standing_in
from steadynorm.keras.layers import normalization_layers


def output_by_batch(calling: Calling, batch: Any, values: Sequence[tuple[Any, Any]] = ()) -> Any:
    """The model's output by the moments of the batch, without dropout and without gradients.

    Arguments:
        calling: the model and the subject's functions.
        batch: the batch.
        values: variables, and what they hold instead of their own values.
    """
    with backend().without_gradients(), _by_batch(calling, values):
        return calling.run(batch)


def gradients(
    calling: Calling, batch: Any, variables: Sequence[Any], number: Callable[[Any], Any]
) -> tuple[Any, list[Any]]:
    """A number that is made of the model's output, and its gradient for each variable.

    Arguments:
        calling: the model and the subject's functions.
        batch: the batch.
        variables: for which gradients are wanted.
        number: makes the number of the output.

    Returns:
        the number, and one tensor a variable, `None` where no gradient arrives.
    """

    def compute(values: list[Any]) -> Any:
        with _by_batch(calling, list(zip(variables, values, strict=True))):
            return number(calling.run(batch))

    return backend().gradients(compute, [each.value for each in variables])


def beside_gradients(target: Any) -> Any:
    """Targets that a loss can compare with outputs whose gradients are recorded.

    PyTorch alone refuses to compute such outputs with arrays of NumPy.
    """
    if keras.backend.backend() != "torch":
        return target
    return nests.transform(target, keras.ops.convert_to_tensor, is_array)


@contextmanager
def _by_batch(calling: Calling, values: Sequence[tuple[Any, Any]]) -> Iterator[None]:
    # Functions of the user's own may be compiled, and would keep what they once saw.
    plain = backend().plain_calls if calling.subject.forward is None else backend().plain_execution
    layers = normalization_layers(calling.subject.model).values()
    standins = ((layer, lambda called: called.run(training=True)) for layer in layers)
    with plain(), keras.StatelessScope(state_mapping=list(values)), standing_in(standins):
        yield
