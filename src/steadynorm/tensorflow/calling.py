"""A copied graph and a subject's tensors in it, for the experiments of a sanity test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from steadynorm.batches import inputs_and_target
from steadynorm.evidence import Array
from steadynorm.tensorflow.batches import feed
from steadynorm.tensorflow.graph_copy.copied import FAILURES, CopiedGraph, refused
from steadynorm.tensorflow.graph_copy.differentiation import Adam, add_adam, gradients
from steadynorm.tensorflow.graph_copy.flow import upstream
from steadynorm.tensorflow.graph_copy.loss_path import loss_path
from steadynorm.tensorflow.graph_copy.trained import trained_names
from steadynorm.tensorflow.graph_subject import GraphSubject, tensors_in
from steadynorm.tensorflow.train_steps import trainable_names


class Calling:
    """Runs a copy on batches, its layers by the moments of the batch and all else as in inference.

    Arguments:
        subject: what is tested.
        copied: a copy of its graph.

    Attributes:
        parameters: names of the variables that are trainable, or trained by the train op, and hold fractions.
        trained: those of them that the train op trains; none without one.
        learning: those of them that the loss is computed from.
        path: how the loss is computed; `None` where it is no tensor.
        loss: the loss as one number, without what is computed from no data; `None` where it is no tensor.
        predictions: the tensors that the loss is computed from; the output where they are not known.
    """

    def __init__(self, subject: GraphSubject, copied: CopiedGraph) -> None:
        self.subject, self.copied, self.graph = subject, copied, copied.graph
        trained = (trained_names(subject.model) if subject.model.train_op else None) or frozenset()
        known = trainable_names(subject.model.session.graph) | trained
        self.parameters = tuple(each for each in copied.values if each in known and self._is_floating(each))
        self.trained = tuple(each for each in self.parameters if each in trained)
        output = copied.tensor(subject.output) if isinstance(subject.output, tf.Tensor) else None
        self.path = None
        if isinstance(subject.loss, tf.Tensor):
            inputs, labels = (list(map(copied.tensor, tensors_in(each))) for each in (subject.inputs, subject.labels))
            held = list(map(self.held, self.parameters))
            self.path = loss_path(copied.tensor(subject.loss), output, inputs, labels, held)
        self.loss = None if self.path is None else self.mean(self.path.terms)
        before = set() if self.loss is None else {each.name for each in upstream([self.loss])}
        self.learning = tuple(each for each in self.parameters if each in before)
        self.predictions = (self.path and self.path.predictions) or (() if output is None else (output,))
        self._gradients: dict[str, dict[str, Any]] = {}
        self._adams: dict[str, Adam] = {}

    def held(self, name: str) -> Any:
        """The tensor that a variable of the copy is read from."""
        return self.graph.get_operation_by_name(name).outputs[0]

    def inputs(self, batch: Any) -> Array | None:
        """The inputs of a batch as the graph takes them, `None` where they are not one array."""
        return _as_fed(self.subject.inputs, inputs_and_target(batch)[0])

    def target(self, batch: Any) -> Array | None:
        """What the loss compares the predictions with, `None` where that is not one array."""
        if self.subject.labels is not None:
            return _as_fed(self.subject.labels, inputs_and_target(batch)[1])
        return self.inputs(batch) if self.path is not None and self.path.reads_inputs else None

    @cached_property
    def squared_error(self) -> Any:
        """The mean squared difference between prediction and input."""
        with self.graph.as_default():
            difference = self.predictions[0] - self.copied.tensor(self.subject.inputs)
            return tf.reduce_mean(tf.square(tf.cast(difference, tf.float32)))

    @cached_property
    def all_finite(self) -> Any:
        """Whether all that the train op trains is finite."""
        with self.graph.as_default(), self.graph.control_dependencies(None):
            held = [(self.held(each), self.copied.values[each].dtype) for each in self.trained]
            values = [
                tf.raw_ops.ReadVariableOp(resource=each, dtype=dtype) if each.dtype == tf.resource else each
                for each, dtype in held
            ]
            return tf.reduce_all([tf.reduce_all(tf.math.is_finite(each)) for each in values] or [True])

    @property
    def is_channels_first(self) -> bool:
        """Whether the convolutions have the channels before the positions."""
        formats = [each.get_attr("data_format") for each in upstream(self.predictions) if each.type == "Conv2D"]
        return b"NCHW" in formats

    def mean(self, terms: Sequence[Any]) -> Any:
        """The sum of the means of some tensors."""
        with self.graph.as_default():
            return tf.add_n([tf.reduce_mean(tf.cast(each, tf.float32)) for each in terms])

    def gradients(self, number: Any) -> dict[str, Any]:
        """The gradients of a number by parameter, `None` where none arrives.

        Raises:
            NoGradientError: TensorFlow takes none.
        """
        if number.name not in self._gradients:
            found = gradients(number, list(map(self.held, self.parameters)))
            self._gradients[number.name] = dict(zip(self.parameters, found, strict=True))
        return self._gradients[number.name]

    def adam(self, number: Any, batch: Any) -> Adam:
        """Adam that lowers a number, made once for each.

        Raises:
            NoGradientError: TensorFlow takes no gradient of it.
        """
        if number.name not in self._adams:
            found = {name: each for name, each in self.gradients(number).items() if each is not None}
            arrived = self.values(found, batch)  # none arrives from a branch that is not taken
            self._adams[number.name] = add_adam(self.graph, {name: found[name] for name in arrived})
        return self._adams[number.name]

    def run(self, fetches: Sequence[Any], batch: Any, instead: Mapping[str, Any] | None = None) -> list[Any]:
        """What tensors and operations of the copy give for a batch.

        Arguments:
            fetches: what is asked for.
            batch: the batch.
            instead: values for tensors by name, in place of what is computed or in the batch.

        Raises:
            UnusableInputError: the graph refuses the batch.
        """
        given = feed(self.subject.model, batch)
        try:
            return self.copied.run(fetches, {**given, **(instead or {})}, by_batch=True)[0]
        except FAILURES as error:
            raise refused(error, given, "a batch") from error

    def values(self, named: Mapping[str, Any], batch: Any) -> dict[str, Any]:
        """What tensors give for a batch by their names, without those in a branch that is not taken."""
        given = feed(self.subject.model, batch)
        names = list(named)
        try:
            return dict(zip(names, self.copied.run(list(named.values()), given, by_batch=True)[0], strict=True))
        except FAILURES as error:
            if len(names) > 1:  # of several, others may give something
                return {
                    name: value for each in names for name, value in self.values({each: named[each]}, batch).items()
                }
            if isinstance(error, tf.errors.InvalidArgumentError):
                return {}
            raise refused(error, given, "a batch") from error

    def _is_floating(self, name: str) -> bool:
        return bool(tf.as_dtype(self.graph.get_operation_by_name(name).get_attr("dtype")).is_floating)


def is_fractions(values: Any) -> bool:
    """Whether an array holds numbers with fractions."""
    return values is not None and tf.as_dtype(values.dtype).is_floating


def _as_fed(place: Any, values: Any) -> Array | None:
    if not isinstance(place, tf.Tensor) or not isinstance(values, np.ndarray):
        return None
    found: Array = values.astype(place.dtype.as_numpy_dtype)
    return found if found.ndim else None
