"""What a diagnosis of a TensorFlow graph is about: a session, and what it is fed and asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from steadynorm.errors import UnusableInputError
from steadynorm.subject import Subject
from steadynorm.tensorflow.fetches import to_operations


@dataclass(frozen=True, eq=False)
class GraphModel:
    """A network in the graph of a session: where data go in, and what comes out.

    Arguments:
        session: the session whose graph and variables it is; read, never written to by a diagnosis.
        inputs: the placeholder of the inputs, or a sequence or mapping of several.
        labels: that of the targets, likewise; `None` without.
        fetches: the tensors that inference computes.
        inference_feed: what inference is fed besides, by tensor.
        training_feed: what the train op is fed besides, by tensor.
        train_op: operations that are run together for one step.
        values: the variables' values by name, in place of those that the session holds; `None` for those.
    """

    session: Any
    inputs: Any
    labels: Any = None
    fetches: tuple[Any, ...] = ()
    inference_feed: Mapping[Any, Any] = field(default_factory=dict)
    training_feed: Mapping[Any, Any] = field(default_factory=dict)
    train_op: tuple[Any, ...] = ()
    values: dict[str, Any] | None = None


@dataclass(frozen=True)
class GraphSubject(Subject):
    """A TensorFlow graph that is to be diagnosed, tested or repaired, built with `tf.compat.v1` and run by a session.

    Everything is run on a copy of the graph in a session of its own: the graph that the session has gets no node, and
    its variables keep their values.

    A batch is `(inputs, targets)`, or a dict as `steadynorm.Subject` has it; the arrays go to `inputs` and `labels`.

    Arguments:
        session: a `tf.compat.v1.Session` with its variables initialized or restored.
        inputs: the placeholder that the inputs are fed to (any tensor can be fed, as the output of an iterator), or a
            sequence or mapping of them, in which the inputs of a batch have the same order or keys.
        labels: the placeholder of the targets, likewise.
        mode: the scalar that says whether the graph trains: fed True to the train op and False to inference. Without
            it the graph is one for each, and `output`, `loss` and `metric` are those of inference.
        output: the tensor that the network ends with.
        loss: scalar tensor, or one value for each sample; or a function `loss(output, target)` of arrays, which has no
            gradient: most of a sanity test takes a tensor.
        metric: likewise.
        train_op: the operation that is run for a step, or a list of all that are run together.
        train_data: batches that the model was trained on.
        validation_data: batches that it was not trained on.
        higher_is_better: direction of `metric`.
        training_feed: what the train op is fed besides inputs and labels, by tensor, in place of `{mode: True}`: what
            the program feeds, so `{}` where it forgets to.
        inference_feed: the same for inference, in place of `{mode: False}`.
        name: how reports call it.

    Raises:
        UnusableInputError: the session is none, a tensor is of another graph or given by its name, or there is nothing
            to compute.
    """

    model: Any = None
    train_data: Iterable[Any] = field(kw_only=True)
    session: Any = field(default=None, kw_only=True)
    inputs: Any = field(default=None, kw_only=True)
    labels: Any = field(default=None, kw_only=True)
    mode: Any = field(default=None, kw_only=True)
    output: Any = field(default=None, kw_only=True)
    train_op: Any = field(default=None, kw_only=True)
    training_feed: Mapping[Any, Any] | None = field(default=None, kw_only=True)
    inference_feed: Mapping[Any, Any] | None = field(default=None, kw_only=True)
    loss: Any = None
    metric: Any = None
    name: str = "graph"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.model is None:
            object.__setattr__(self, "model", self._graph_model())

    def _check_functions(self) -> None:
        for name in ("inputs", "labels", "mode", "output", "loss", "metric", "train_op"):
            _check_no_names(name, list(tensors_in(getattr(self, name))))
        for name in ("training_feed", "inference_feed"):
            _check_no_names(name, list(getattr(self, name) or ()))
        for name in ("forward", "target", "train_step", "optimizer", "evaluate", "source_model"):
            if getattr(self, name) is not None:
                raise UnusableInputError(
                    f"{name} was given for a TensorFlow graph, of which no Python code is run: give output, loss, "
                    "metric and train_op, tensors and operations of the graph"
                )
        if self.output is not None and not _is_tensor(self.output):
            raise UnusableInputError(
                f"output of the subject is a {type(self.output).__name__}; expected the one tensor of the graph that "
                "the network ends with (of several, the one that the loss compares with the labels)"
            )
        for name in ("loss", "metric"):
            value = getattr(self, name)
            if value is not None and not _is_tensor(value) and not callable(value):
                raise UnusableInputError(
                    f"{name} of the subject is a {type(value).__name__}; expected a tensor of the graph or a function"
                )

    def _graph_model(self) -> GraphModel:
        if not isinstance(self.session, tf.compat.v1.Session):
            raise UnusableInputError(
                f"session of the subject is a {type(self.session).__name__}; expected a tf.compat.v1.Session with the "
                "variables initialized or restored (raw_session() of a MonitoredSession gives it)"
            )
        fetches = tuple(each for each in (self.output, self.loss, self.metric) if _is_tensor(each))
        if not fetches:
            raise UnusableInputError("the subject has nothing to compute: give output, loss or metric as tensors")
        said = {} if self.mode is None else {self.mode: True}
        training = said if self.training_feed is None else self.training_feed
        inference = dict.fromkeys(said, False) if self.inference_feed is None else self.inference_feed
        train_op = () if self.train_op is None else tuple(_operations(self.train_op))
        for each in (*tensors_in(self.inputs), *tensors_in(self.labels), *training, *inference, *fetches, *train_op):
            if not hasattr(each, "graph") or each.graph is not self.session.graph:
                raise UnusableInputError(
                    f"{getattr(each, 'name', repr(each))} is no part of the graph of the session; expected tensors and "
                    "operations of session.graph"
                )
        return GraphModel(self.session, self.inputs, self.labels, fetches, inference, training, train_op)


def _check_no_names(field_name: str, given: Iterable[Any]) -> None:
    for each in given:
        if isinstance(each, str):
            what = "operation" if field_name == "train_op" and ":" not in each else "tensor"
            name = each if what == "operation" or ":" in each else f"{each}:0"
            raise UnusableInputError(
                f"{field_name} of the subject is a name, {each!r}; pass the {what} itself: "
                f"session.graph.get_{what}_by_name({name!r})"
            )


def _operations(train_op: Any) -> list[Any]:
    try:
        return to_operations(train_op)
    except TypeError as error:
        raise UnusableInputError(f"train_op of the subject: {error}") from error


def _is_tensor(value: Any) -> bool:
    return isinstance(value, tf.Tensor)


def tensors_in(nest: Any) -> Iterator[Any]:
    """The tensors of a subject's inputs or labels: one, several in order or by key, or none."""
    if nest is None:
        return
    if isinstance(nest, Mapping):
        nest = list(nest.values())
    yield from nest if isinstance(nest, list | tuple) else [nest]
