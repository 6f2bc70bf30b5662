"""What a Keras model on TensorFlow needs of TensorFlow itself; see `steadynorm.keras.backends.Backend`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.python.eager import context, record
from tensorflow.python.ops import stateful_random_ops
from tensorflow.python.trackable import data_structures

compiled_holds_no_values = False
"""A `tf.function` holds the variables that there were when it was made."""


@contextmanager
def plain_execution() -> Iterator[None]:
    """Runs every tf.function as the Python code that it was made from."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        with warnings.catch_warnings():
            # That the functions of tf.data run as graphs all the same is as it should be.
            warnings.filterwarnings("ignore", "Even though the `tf.config.experimental_run_functions_eagerly`")
            yield
    finally:
        tf.config.run_functions_eagerly(before)


plain_calls = plain_execution


def faster(function: Callable[[Any], None]) -> Callable[[Any], None]:
    """The same as one graph: one by one, the operations of an optimizer take longer than the rest of a small step."""
    compiled: Callable[[Any], None] = tf.function(function, autograph=False)
    return compiled


@contextmanager
def random_states_kept(*sources: Any) -> Iterator[None]:
    """Puts back the seeds that operations draw, and the global generator."""
    draws = getattr(context.context(), "_rng", None)
    state = None if draws is None else draws.getstate()
    generator = stateful_random_ops.global_generator
    numbers = None if generator is None else generator.state.numpy()
    try:
        yield
    finally:
        if draws is not None and state is not None:
            draws.setstate(state)
        stateful_random_ops.global_generator = generator
        if generator is not None:
            generator.state.assign(numbers)


@contextmanager
def without_gradients() -> Iterator[None]:
    """Lets no gradient tape look on."""
    with record.stop_recording():
        yield


def array(tensor: Any) -> npt.NDArray[Any]:
    """The values of a tensor.

    Raises:
        TypeError: the tensor has no values yet, as inside of a loop that TensorFlow compiles.
    """
    if not hasattr(tensor, "numpy"):
        return np.asarray(tensor)
    try:
        return np.asarray(tensor.numpy())
    except (AttributeError, NotImplementedError) as error:
        raise TypeError("the tensor belongs to a graph and has no values") from error


def records_gradients(*tensors: Any) -> bool:
    """Whether a gradient tape looks on."""
    return bool(record.could_possibly_record())


def is_holder(value: Any) -> bool:
    """Whether an object of TensorFlow's own holds on to what training changes.

    The lists that TensorFlow makes of an optimizer's are such objects: as lists they are empty.
    """
    return isinstance(value, tf.Module | data_structures.ListWrapper)


def gradients(function: Callable[[list[Any]], Any], values: Sequence[Any]) -> tuple[Any, list[Any]]:
    """The number that a function gives for these tensors, and its gradient for each; `None` where none arrives."""
    tensors = [tf.convert_to_tensor(each) for each in values]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        for each in tensors:
            tape.watch(each)
        number = tf.convert_to_tensor(function(tensors))
    found = tape.gradient(number, tensors)
    return number, [None if each is None else tf.convert_to_tensor(each) for each in found]


def keeper(value: Any) -> Callable[[], Any] | None:
    """Puts a variable's values back, if they have changed; `None` for anything else."""
    if not isinstance(value, tf.Variable) or not tf.executing_eagerly():
        return None
    kept = value.numpy()

    def put_back() -> tf.Variable:
        if value.numpy().tobytes() != kept.tobytes():
            value.assign(kept)
        return value

    return put_back
