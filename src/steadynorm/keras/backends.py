"""The backend that Keras runs on: what differs between TensorFlow, JAX and PyTorch, behind one small interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any, Protocol, cast

import keras
import numpy.typing as npt

from steadynorm.errors import UnusableInputError

KNOWN = ("tensorflow", "jax", "torch")


class Backend(Protocol):
    """What each of `steadynorm.<backend>.keras_backend` gives."""

    @property
    def compiled_holds_no_values(self) -> bool:
        """Whether a train step that Keras compiled takes all that it reads and changes as arguments, every time."""

    def plain_execution(self) -> AbstractContextManager[None]:
        """Inside it, compiled functions run as the Python code that they were made from."""

    def plain_calls(self) -> AbstractContextManager[None]:
        """The same for a model that is merely called, at less cost where that makes a difference."""

    def faster(self, function: Callable[[Any], None]) -> Callable[[Any], None]:
        """The same updates of variables, compiled where single operations are slow; not for code of the user's."""

    def random_states_kept(self, *sources: Any) -> AbstractContextManager[None]:
        """At its end, the backend's random states are as before."""

    def without_gradients(self) -> AbstractContextManager[None]:
        """Inside it, no gradients are recorded."""

    def array(self, tensor: Any) -> npt.NDArray[Any]:
        """The values of a tensor; TypeError where it has none yet."""

    def records_gradients(self, *tensors: Any) -> bool:
        """Whether gradients are being recorded, of one of these tensors at least where that makes a difference."""

    def is_holder(self, value: Any) -> bool:
        """Whether an object of the backend's own holds on to what training changes."""

    def gradients(self, function: Callable[[list[Any]], Any], values: Sequence[Any]) -> tuple[Any, list[Any]]:
        """The number that `function` gives for these tensors, and its gradient for each of them.

        The gradient is `None` where none arrives: nothing between the tensor and the number can be differentiated.
        """

    def keeper(self, value: Any) -> Callable[[], Any] | None:
        """A function that puts the values of a tensor back in place and returns it, `None` for what is no tensor."""


def backend() -> Backend:
    """The backend in use.

    Raises:
        UnusableInputError: it is one that cannot train.
    """
    name = keras.backend.backend()
    if name not in KNOWN:
        raise UnusableInputError(
            f"Keras runs on {name!r}; expected one of {', '.join(KNOWN)}: set KERAS_BACKEND before Keras is imported"
        )
    return cast(Backend, import_module(f"steadynorm.{name}.keras_backend"))
