"""Stands in for layers' calls for a while: Keras has no hooks, but it looks `call` up on the layer itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
from keras.src.backend.common.stateless_scope import get_stateless_scope

from steadynorm import nests
from steadynorm.keras.batch_normalization import BatchNormalization
from steadynorm.keras.weighting import joint_weights


@dataclass(frozen=True)
class Called:
    """One call of a layer.

    Arguments:
        layer: the layer.
        original: what its call would run.
        args: what it was called with, by position.
        kwargs: likewise, by name; `training` and `mask` are what Keras found out.
    """

    layer: Any
    original: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    @property
    def input(self) -> Any:
        """The first tensor; `None` where there is none."""
        return next(nests.leaves([self.args, dict(self.kwargs)], keras.ops.is_tensor), None)

    @property
    def weights(self) -> Any:
        """How much each value counts in the moments, broadcast to the input; `None` where all count the same."""
        mask, x = self.kwargs.get("mask"), self.input
        if isinstance(self.layer, BatchNormalization):
            return joint_weights(x, self.layer.axis % len(x.shape), mask, self.kwargs.get("sample_weight"))
        return None if mask is None else keras.ops.expand_dims(mask, -1)

    @property
    def training(self) -> bool:
        """Whether the layer was asked to train and is not frozen."""
        asked = self.args[1] if len(self.args) > 1 and not keras.ops.is_tensor(self.args[1]) else None
        return bool(self.kwargs.get("training", asked)) and bool(self.layer.trainable)

    def run(self, training: bool | None = None) -> Any:
        """Runs the call as it is, or in another mode; in training any batch will do.

        One that virtual batches do not divide, which training drops, is normalized as one batch.
        """
        if training is None or not self.layer._call_has_training_arg:
            return self.original(*self.args, **self.kwargs)
        with self._any_batch() if training else nullcontext():
            return self.original(*self.args[:1], **{**self.kwargs, "training": training})

    def _any_batch(self) -> AbstractContextManager[None]:
        size = self.layer.virtual_batch_size if isinstance(self.layer, BatchNormalization) else None
        x = self.input
        if size is None or x is None or not isinstance(x.shape[0], int) or x.shape[0] % size == 0:
            return nullcontext()
        return replaced(self.layer, "virtual_batch_size", None)


Standin: TypeAlias = Callable[[Called], Any]


@contextmanager
def standing_in(standins: Iterator[tuple[Any, Standin]]) -> Iterator[None]:
    """Calls of layers go to the functions given, and back to the layers at the end, whatever happens."""
    # Written past Keras' own attribute tracking, which would take a layer that is bound for a part of itself.
    attributes = "call"
    before: list[tuple[dict[str, Any], Any]] = []
    try:
        for layer, standin in standins:
            before.append((vars(layer), vars(layer).get(attributes)))
            vars(layer)[attributes] = _bound(layer, layer.call, standin)
        yield
    finally:
        for held, earlier in reversed(before):
            if earlier is None:
                held.pop(attributes, None)
            else:
                held[attributes] = earlier


def _bound(layer: Any, original: Callable[..., Any], standin: Standin) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return standin(Called(layer, original, args, kwargs))

    return call


@contextmanager
def replaced(holder: Any, name: str, value: Any) -> Iterator[None]:
    """Gives an attribute of a class, module or layer another value, and its own back at the end, whatever happens."""
    before = vars(holder)[name]
    setattr(holder, name, value)
    try:
        yield
    finally:
        setattr(holder, name, before)


@contextmanager
def substituted(layer: Any, mean: Any, variance: Any) -> Iterator[None]:
    """Inside a `keras.StatelessScope`, the layer reads these statistics in place of its own.

    Arguments:
        layer: the layer.
        mean: shape (channels,).
        variance: likewise.
    """
    values = get_stateless_scope().state_mapping
    pairs = [(layer.moving_mean, mean), (layer.moving_variance, variance)]
    before = {id(variable): values.get(id(variable)) for variable, _ in pairs}
    for variable, new in pairs:
        values[id(variable)] = keras.ops.reshape(keras.ops.convert_to_tensor(new), variable.shape)
    try:
        yield
    finally:
        for key, earlier in before.items():
            if earlier is None:
                del values[key]
            else:
                values[key] = earlier
