"""What a Keras model on JAX needs of JAX itself; see `steadynorm.keras.backends.Backend`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

compiled_holds_no_values = True
"""What JAX compiles is a function of its arguments alone."""


@contextmanager
def plain_execution() -> Iterator[None]:
    """Runs compiled functions as the Python code that they were made from."""
    with jax.disable_jit():
        yield


@contextmanager
def plain_calls() -> Iterator[None]:
    """A model that is called runs as Python code already; what JAX compiles inside of its own functions is fast."""
    yield


def faster(function: Callable[[Any], None]) -> Callable[[Any], None]:
    """As it is: single operations of JAX are fast."""
    return function


@contextmanager
def random_states_kept(*sources: Any) -> Iterator[None]:
    """JAX has no random state of its own."""
    yield


@contextmanager
def without_gradients() -> Iterator[None]:
    """JAX records no gradients unless it is asked to."""
    yield


def array(tensor: Any) -> npt.NDArray[Any]:
    """The values of a tensor, also of one whose gradients are being recorded.

    Raises:
        TypeError: the tensor has no values yet, as inside of a loop that JAX compiles.
    """
    try:
        # Of an array that has values a trace around it would make one without.
        return np.asarray(jax.lax.stop_gradient(tensor) if isinstance(tensor, jax.core.Tracer) else tensor)
    except jax.errors.TracerArrayConversionError as error:
        raise TypeError("the tensor is traced and has no values") from error


def records_gradients(*tensors: Any) -> bool:
    """Whether gradients are being recorded of any of these."""
    return any(isinstance(each, jax.core.Tracer) for each in tensors)


def is_holder(value: Any) -> bool:
    """Whether an object of JAX's own holds on to what training changes; JAX has none."""
    return False


def gradients(function: Callable[[list[Any]], Any], values: Sequence[Any]) -> tuple[Any, list[Any]]:
    """The number that a function gives for these tensors, and its gradient for each; `None` where none arrives.

    JAX gives zeros where nothing arrives. NaN sent backwards tells these from gradients that happen to be zero: it
    comes out wherever there is a way.
    """
    number, backwards = jax.vjp(lambda tensors: jnp.asarray(function(tensors)), list(values))
    (found,) = backwards(jnp.ones_like(number))
    if all(bool(jnp.any(each != 0)) for each in found):
        return number, list(found)
    (probed,) = backwards(jnp.full_like(number, jnp.nan))
    reached = [bool(jnp.any(one != 0) | jnp.any(jnp.isnan(other))) for one, other in zip(found, probed, strict=True)]
    return number, [each if is_reached else None for each, is_reached in zip(found, reached, strict=True)]


def keeper(value: Any) -> Callable[[], Any] | None:
    """Arrays never change, but a step that donates its arguments deletes them: a copy comes back then."""
    if not isinstance(value, jax.Array) or isinstance(value, jax.core.Tracer):
        return None
    kept, current = jnp.copy(value), value

    def put_back() -> Any:
        nonlocal current
        if current.is_deleted():
            current = jnp.copy(kept)
        return current

    return put_back
