"""A copy of a session's graph and variables in a session of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array
from steadynorm.graphs.nodes import read_graph_def
from steadynorm.tensorflow.graph_copy.differentiation import differentiable
from steadynorm.tensorflow.graph_copy.inlining import inlined
from steadynorm.tensorflow.graph_copy.layers import GraphLayers
from steadynorm.tensorflow.graph_copy.rate import Factor, add_factor, with_factor
from steadynorm.tensorflow.graph_copy.switches import add_switches, redirected
from steadynorm.tensorflow.graph_copy.trained import trained_names
from steadynorm.tensorflow.graph_copy.values import read_values
from steadynorm.tensorflow.graph_subject import GraphModel


@dataclass(frozen=True, slots=True)
class Seen:
    """One place that ran.

    Arguments:
        spot: its number.
        values: values per channel.
        mean: of what it was fed, shape (channels,).
        variance: likewise, biased.
        by_batch: whether it normalizes by these, unless it was switched.
    """

    spot: int
    values: int
    mean: Array
    variance: Array
    by_batch: bool


FAILURES = (tf.errors.OpError, ValueError, TypeError)
"""What a run raises that is asked for or fed something that does not fit."""


class CopiedGraph:
    """The copy; neither the graph nor the variables that it was made from are ever changed.

    Arguments:
        model: what is copied.
        to_train: whether it can be trained in other ways than by its train op: gradients pass through all branches,
            and the learning rate can be scaled, where it is found.

    Attributes:
        layers: its normalization layers.
        values: the variables' values that it was made with, by name.
        unwatched: by the number of a place, why it can neither be watched nor switched.
        has_rate: whether the learning rate can be scaled.
    """

    def __init__(self, model: GraphModel, *, to_train: bool = False) -> None:
        self.values: dict[str, Any] = read_values(model.session) | (model.values or {})
        self._seen: list[Seen] = []
        # The functions of Python that its nodes call live as long as this graph does.
        self._first, self.layers = _read(model.session.graph)
        spots = self.layers.spots
        self._by_batch, self._switches, self.unwatched = add_switches(self._first, spots, self._record)
        self._reads, self._assigns = self._variables()
        self._rate = self._factor(model) if to_train else None
        self.has_rate = self._rate is not None
        definition = redirected(self._first.as_graph_def(), spots, self._switches)
        if self._rate is not None:
            definition = with_factor(definition, self._rate)
        if to_train:
            definition = differentiable(definition)
        self._outputs = {f"{spots[number].place.output}:0": each.output for number, each in self._switches.items()}
        self._session = _session(definition)
        self.put_back()

    def close(self) -> None:
        """Gives the copy's memory back."""
        self._session.close()

    def run(
        self,
        fetches: Sequence[Any],
        feed: Mapping[str, Any],
        *,
        by_batch: bool = False,
        override: Mapping[int, tuple[Array, Array]] | None = None,
        rate: float = 1.0,
    ) -> tuple[list[Any], list[Seen]]:
        """Runs the copy once.

        Arguments:
            fetches: tensors and operations of the graph that was copied.
            feed: values by names of tensors.
            by_batch: whether all places normalize by the batch; one value per channel cannot be normalized by.
            override: mean and variance to normalize by in any case, by the number of the place.
            rate: what the learning rate of the train op is multiplied by; only where the copy `has_rate`.

        Returns:
            what was fetched, and the places that ran.
        """
        switched: dict[str, Any] = {self._by_batch: by_batch}
        for number, (mean, variance) in (override or {}).items():
            if number in self._switches:
                switch = self._switches[number]
                switched |= {switch.replaced: True, switch.mean: mean, switch.variance: variance}
        if self._rate is not None:
            switched[self._rate.place] = rate
        self._seen.clear()
        names = [self._outputs.get(each.name, each.name) for each in fetches]
        found = self._session.run(names, {**feed, **switched})
        return list(found), sorted(self._seen, key=lambda each: each.spot)

    @property
    def graph(self) -> Any:
        """The graph that runs; more may be added to it."""
        return self._session.graph

    def tensor(self, tensor: Any) -> Any:
        """What stands for a tensor of the graph that was copied."""
        return self.graph.get_tensor_by_name(self._outputs.get(tensor.name, tensor.name))

    def normalized(self) -> frozenset[str]:
        """Names of the tensors of the copy that stand for the outputs of its normalization layers."""
        return frozenset(self._outputs.values())

    def read(self, names: Sequence[str]) -> dict[str, Any]:
        """The values that variables of the copy have now."""
        return dict(self._session.run({name: self._reads[name] for name in names}))

    def put_back(self) -> None:
        """Gives the copy's variables the values that it was made with."""
        if self._assigns:
            feed = {place: self.values[name] for name, (place, _) in self._assigns.items()}
            self._session.run([assign for _, assign in self._assigns.values()], feed)

    def _record(self, spot: int, values: int, mean: Any, variance: Any, by_batch: bool) -> None:
        self._seen.append(Seen(spot, values, mean, variance, by_batch))

    def _factor(self, model: GraphModel) -> Factor | None:
        reached = self.layers.reached(each.name for each in model.train_op)
        return add_factor(self._first, reached, trained_names(model) or frozenset()) if model.train_op else None

    def _variables(self) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
        """By variable: the tensor that reads it, and what is fed and run to assign it."""
        reads, assigns = {}, {}
        with self._first.as_default():
            for name in self.values:
                operation = self._first.get_operation_by_name(name)
                dtype = operation.get_attr("dtype")
                value = tf.compat.v1.placeholder(dtype, operation.get_attr("shape"))
                held = operation.outputs[0]
                if operation.type == "VarHandleOp":
                    reads[name] = tf.raw_ops.ReadVariableOp(resource=held, dtype=dtype).name
                    assign = tf.raw_ops.AssignVariableOp(resource=held, value=value)
                else:
                    reads[name] = held.name
                    assign = tf.raw_ops.Assign(ref=held, value=value, validate_shape=False).op
                assigns[name] = (value.name, assign.name)
        return reads, assigns


@contextmanager
def copied_graph(model: GraphModel, *, to_train: bool = False) -> Iterator[CopiedGraph]:
    """A copy that lasts as long as the context; for the arguments see `CopiedGraph`.

    Raises:
        UnusableInputError: the graph cannot be copied, as one that holds tables or iterators of another session.
    """
    try:
        copied = CopiedGraph(model, to_train=to_train)
    except (tf.errors.OpError, ValueError) as error:
        raise UnusableInputError(f"the graph of the session cannot be copied: {str(error).splitlines()[0]}") from error
    try:
        yield copied
    finally:
        copied.close()


def refused(error: Exception, feed: Mapping[str, Any], which: str) -> UnusableInputError:
    """What is said where a run of a copy fails.

    Arguments:
        error: what TensorFlow says.
        feed: what the copy was fed.
        which: the batch, in words.
    """
    shapes = ", ".join(f"{name} of shape {np.shape(value)}" for name, value in feed.items())
    return UnusableInputError(f"the graph refuses {which} ({shapes}): {type(error).__name__}: {said(error)}")


def said(error: Exception) -> str:
    """What TensorFlow says of a failure, in one line, without what it says about where."""
    lines = [line for line in str(error).splitlines() if line.strip() and line != "Graph execution error:"]
    after = [number for number, line in enumerate(lines, 1) if line.startswith("Node: ") and number < len(lines)]
    return lines[after[-1] if after else 0] if lines else type(error).__name__


def layers_of(graph: Any) -> GraphLayers:
    """The normalization layers of a graph, named as those of its copies are."""
    return _read(graph)[1]


def _read(graph: Any) -> tuple[Any, GraphLayers]:
    """The graph without functions, and its layers."""
    first = tf.Graph()
    with first.as_default():
        tf.import_graph_def(inlined(graph.as_graph_def()), name="")
    return first, GraphLayers(read_graph_def(first.as_graph_def(add_shapes=True)))


def _session(definition: Any) -> Any:
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(definition, name="")
    config = tf.compat.v1.ConfigProto()
    config.graph_options.place_pruned_graph = True  # what no run reads need not be there for any device
    return tf.compat.v1.Session(graph=graph, config=config)
