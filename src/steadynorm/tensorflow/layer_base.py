"""What a layer of tf.layers tells about itself: its names, variables, losses and updates."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import tensorflow as tf

from steadynorm.tensorflow.fetches import to_operation
from steadynorm.tensorflow.inputs import DTYPES
from steadynorm.tensorflow.layer_variables import parts
from steadynorm.tensorflow.registry import LayerRecord, outermost
from steadynorm.tensorflow.variables import Variables

_LOSSES = tf.compat.v1.GraphKeys.REGULARIZATION_LOSSES


class _Call(NamedTuple):
    """One application: the input, the record, and the loss of its output, if there is one."""

    inputs: Any
    record: LayerRecord
    loss: Any


class Layer:
    """A layer that keeps account of its variables and calls.

    Attributes:
        trainable: may be set at any time. While it is False, gamma and beta count as not trainable, the layer has no
            updates, and, as in the original, calls make none. What optimizers train by default is settled when the
            variables are made.

    Source: tf.layers.Layer of TensorFlow 1.15.
    """

    def __init__(
        self, name: str | None, default_name: str, trainable: bool, dtype: Any, activity_regularizer: Any
    ) -> None:
        self.trainable = trainable
        self._name = name or default_name
        self._is_named = bool(name)
        self._dtype = None if dtype is None else _dtype_name(dtype, self._name)
        self._activity_regularizer: Callable[[Any], Any] | None = activity_regularizer
        self._scope: Any = None
        self._graph: Any = None
        self._variables: Variables | None = None
        self._trained: list[Any] = []
        self._untrained: list[Any] = []
        self._regularization: list[Any] = []
        self._calls: list[_Call] = []

    @property
    def name(self) -> str:
        """The name that was given; without one, the last part of the variable scope."""
        return self._name if self._is_named or self._scope is None else str(self._scope.name).rsplit("/", 1)[-1]

    @property
    def scope_name(self) -> str:
        """The variable scope.

        Raises:
            ValueError: the layer has been neither called nor built.
        """
        if self._scope is None:
            raise ValueError(self._unbuilt("no variable scope"))
        return str(self._scope.name)

    @property
    def dtype(self) -> str | None:
        """Name of the type that was given, otherwise that of the first input; None before."""
        return self._dtype

    @property
    def graph(self) -> tf.Graph | None:
        """The graph of the variables; None before there are any."""
        return self._graph

    @property
    def built(self) -> bool:
        """Whether the layer has variables, which its first call makes, or `build`."""
        return self._variables is not None

    @property
    def trainable_weights(self) -> list[Any]:
        """Gamma and beta if they are trainable; of partitioned ones the parts."""
        return list(self._trained) if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Any]:
        """All statistics, and gamma and beta if they are not trainable."""
        return [*([] if self.trainable else self._trained), *self._untrained]

    @property
    def weights(self) -> list[Any]:
        """All variables, the trainable ones first."""
        return self.trainable_weights + self.non_trainable_weights

    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights
    variables = weights

    def count_params(self) -> int:
        """The number of values in all variables.

        Raises:
            ValueError: there are none yet.
        """
        if not self.built:
            raise ValueError(self._unbuilt("no variables"))
        return sum(prod(weight.shape.as_list()) for weight in self.weights)

    @property
    def updates(self) -> list[Any]:
        """Operations that run the updates of all calls, also in the collection UPDATE_OPS; none while not trainable."""
        return [update for call in self._calls for update in call.record.updates] if self.trainable else []

    def get_updates_for(self, inputs: Any) -> list[Any]:
        """The updates of those calls whose input depends on any of these tensors.

        Args:
            inputs: a tensor, or any structure of tensors. None asks for updates that depend on no input: there are
                none.
        """
        found = self._calls_of(inputs) if self.trainable else []
        return [update for call in found for update in call.record.updates]

    @property
    def losses(self) -> list[Any]:
        """What regularizes the outputs of all calls, and then the variables; also in REGULARIZATION_LOSSES.

        Regularizers of the variable scope are included. A layer that reuses variables leaves their regularization to
        the one that made them.
        """
        return [call.loss for call in self._calls if call.loss is not None] + self.get_losses_for(None)

    def get_losses_for(self, inputs: Any) -> list[Any]:
        """The losses of the outputs of those calls whose input depends on any of these tensors.

        Args:
            inputs: a tensor, or any structure of tensors. None asks for losses that depend on no input: those of the
                variables.
        """
        if inputs is None:
            return self._regularization_losses()
        return [call.loss for call in self._calls_of(inputs) if call.loss is not None]

    def _keep_variables(self, make: Callable[[], Variables]) -> Variables:
        """Make variables, and remember those that are new to the layer, and their losses."""
        before = len(tf.compat.v1.get_collection(_LOSSES))
        variables = make()
        if self._variables is None:
            self._variables, self._graph = variables, outermost(None)
            self._regularization = tf.compat.v1.get_collection(_LOSSES)[before:]
        trainable = {id(each) for each in tf.compat.v1.trainable_variables()} if self.trainable else set()
        known = {id(each) for each in (*self._trained, *self._untrained)}
        everything = (variables.gamma, variables.beta, *variables.statistics)
        for each in (part for variable in everything for part in parts(variable)):
            if id(each) not in known:
                (self._trained if id(each) in trainable else self._untrained).append(each)
        return variables

    def _keep_call(self, inputs: Any, record: LayerRecord) -> None:
        loss = None
        if self._activity_regularizer is not None:
            with tf.name_scope("ActivityRegularizer"):
                loss = tf.convert_to_tensor(self._activity_regularizer(record.output))
                loss = loss / tf.cast(tf.shape(record.output)[0], loss.dtype)
            tf.compat.v1.add_to_collection(_LOSSES, loss)
        self._calls.append(_Call(inputs, record, loss))

    def _regularization_losses(self) -> list[Any]:
        """The losses of the variables, outside of any branch; until they are asked for, they are functions."""
        with tf.init_scope():
            self._regularization = [tf.convert_to_tensor(loss) for loss in self._regularization]
        return list(self._regularization)

    def _calls_of(self, inputs: Any) -> list[_Call]:
        wanted = {to_operation(each) for each in tf.nest.flatten(inputs) if each is not None}
        return [call for call in self._calls if wanted and _depends(call.inputs, wanted)]

    def _check_dtype(self, x: Any) -> None:
        """Refuse an input that cannot be computed with the variables: those of all types but float64 are float32."""
        if self._dtype is not None and (x.dtype == tf.float64) != (self._dtype == "float64"):
            raise TypeError(
                f"the input {x.name} of batch normalization {self._name!r} is {x.dtype.name}, and the layer "
                f"{self._dtype}; expected both or neither of them to be float64: cast the input, or give the layer "
                f"dtype={x.dtype.name!r} and build it for this type alone"
            )

    def _check_graph(self) -> None:
        """Refuse to be called in a graph that cannot use the variables."""
        if self._graph is not None and outermost(None) is not self._graph:
            raise ValueError(
                f"batch normalization {self._name!r} has its variables in another graph than the one that is being "
                "built; expected one layer object per graph: make a new BatchNormalization within this graph"
            )

    def _unbuilt(self, what: str) -> str:
        return f"batch normalization {self._name!r} has {what} yet; expected a call before: apply it to a tensor"


def _dtype_name(dtype: Any, layer: str) -> str:
    try:
        known = tf.as_dtype(dtype)
    except TypeError:
        known = None
    if known not in DTYPES:
        raise TypeError(
            f"dtype of batch normalization {layer!r} is {dtype!r}; expected one of "
            f"{', '.join(each.name for each in DTYPES)}, or None for that of the first input"
        )
    return str(known.name)


def _depends(tensor: Any, wanted: set[Any]) -> bool:
    """Whether a tensor is computed from an output of one of the operations."""
    seen: set[Any] = set()
    waiting = [tensor.op]
    while waiting:
        operation = waiting.pop()
        if operation in wanted:
            return True
        if operation not in seen:
            seen.add(operation)
            waiting += [each.op for each in operation.inputs]
    return False
