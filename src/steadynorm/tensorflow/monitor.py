"""A session hook that monitors the normalization layers of a graph while it is trained, whoever built them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array, Layer, LayerSteps, Mode, Statistics
from steadynorm.graphs.analysis import analyse
from steadynorm.monitor import sinks
from steadynorm.monitoring.session import EVERY, Session
from steadynorm.monitoring.watched import Snapshots
from steadynorm.norm.config import NormConfig
from steadynorm.norm.moments import Moments
from steadynorm.recorded import GraphLayer, Use
from steadynorm.steplog import Call, LayerLog, summarized
from steadynorm.tensorflow.graph_subject import GraphModel
from steadynorm.tensorflow.layer_variables import read_graph, variables_by_name

v1 = tf.compat.v1


def watched(trained: Any) -> GraphWatched:
    """What a session trains, to be monitored in a loop of its own.

    Arguments:
        trained: a `tf.compat.v1.Session` with its variables initialized, or a `GraphModel`.

    Raises:
        UnusableInputError: it is no such session.
    """
    session = getattr(trained, "session", None) if isinstance(trained, GraphModel) else trained
    if not isinstance(session, v1.Session | v1.InteractiveSession):
        raise UnusableInputError(
            f"the model is a {type(trained).__name__}; a monitor needs the tf.compat.v1.Session that is trained; for a "
            "MonitoredSession or an Estimator there is hooks=[steadynorm.tensorflow.monitor.MonitorHook()]"
        )
    found = GraphWatched(session.graph)
    found.session = session
    try:
        found.layers()
    except tf.errors.FailedPreconditionError as error:
        raise UnusableInputError(
            "the session's variables have no values yet: initialize or restore them, then make the monitor"
        ) from error
    return found


class MonitorHook(v1.train.SessionRunHook):  # type: ignore[misc, name-defined]
    """`steadynorm.Monitor` for a MonitoredSession or an Estimator: warns, once per cause.

    A step is a run of the session, so that a session that also evaluates needs another for that. Nothing is added to
    the graph: the statistics are read in runs of their own, and on watched steps the batches' moments are fetched
    beside what the program fetches, where a fused operation outside of conditions gives them.

    Arguments:
        every: steps between measurements.
        run: a path to write a run file to.
        tensorboard: a folder to write TensorBoard's event file to.
        loss: a tensor, or its name, to write down at every measurement.

    Attributes:
        session: of the training that runs or ran last, with its `findings`; `None` before.
    """

    def __init__(
        self,
        *,
        every: int = EVERY,
        run: str | Path | None = None,
        tensorboard: str | Path | None = None,
        loss: Any = None,
    ) -> None:
        self.session: Session | None = None
        self._loss = loss
        self._options = every, run, tensorboard

    def begin(self) -> None:
        """Reads the graph; nothing is added to it."""
        every, run, tensorboard = self._options
        self._watched = GraphWatched(v1.get_default_graph())
        if isinstance(self._loss, str):
            self._loss = v1.get_default_graph().get_tensor_by_name(self._loss)
        self._sinks = sinks(self._watched, every, run, tensorboard)

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Begins to monitor, or goes on with a new session."""
        self._watched.session = session
        if self.session is None:
            self.session = Session(self._watched, every=self._options[0], sinks=self._sinks)

    def before_run(self, run_context: Any) -> Any:
        """Asks for the loss, and on watched steps for the batches' moments."""
        assert self.session is not None
        fetches = dict(self._watched.wanted)
        if self._loss is not None and self.session.is_due(self.session.steps + 1):
            fetches["loss"] = self._loss
        return v1.train.SessionRunArgs(fetches) if fetches else None

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Tells the monitor of a step."""
        assert self.session is not None
        results = run_values.results or {}
        self._watched.session, self._watched.seen = run_context.session, results
        self.session.step(loss=results.get("loss"))

    def end(self, session: Any) -> None:
        """Ends the monitoring."""
        if self.session is not None:
            self._watched.session = session
            self.session.close()


class GraphWatched:
    """Implements `steadynorm.monitoring.watched.Watched` for a TensorFlow graph.

    Arguments:
        graph: the graph that is trained.

    Attributes:
        session: to read the variables by.
        wanted: what the next run is to fetch, by layer.
        seen: what the last run fetched.
    """

    framework = "tensorflow"
    name = "graph"

    def __init__(self, graph: tf.Graph) -> None:
        self.session: Any = None
        self.wanted: dict[str, Any] = {}
        self.seen: Mapping[str, Any] = {}
        facts = analyse(read_graph(graph))
        variables = variables_by_name(graph)
        self._layers = [each for each in facts.layers if each.mean in variables and each.variance in variables]
        self._variables = {
            part: [None if (name := getattr(each, part)) is None else variables.get(name) for each in self._layers]
            for part in ("mean", "variance", "gamma", "beta")
        }
        trainable = {id(each) for each in graph.get_collection(v1.GraphKeys.TRAINABLE_VARIABLES)}
        affine = zip(self._variables["gamma"], self._variables["beta"], strict=True)
        self._frozen = [
            any(each is not None for each in pair) and not any(id(each) in trainable for each in pair)
            for pair in affine
        ]
        uses = {each.layer: each for each in facts.uses if each.trained}
        self._moments = {
            layer.name: [graph.get_tensor_by_name(f"{use.node}:{output}") for output in (1, 2)]
            for layer in self._layers
            if (use := uses.get(layer.name)) is not None and _is_fused(graph, use)
        }
        self._built = {
            layer.name: as_built for layer in self._layers if (as_built := _as_built(uses.get(layer.name))) is not None
        }
        self._logs: dict[str, LayerLog] = {}
        self._last: list[Any] = []

    def layers(self) -> tuple[Layer, ...]:
        """The layers as they are now."""
        if self.session is None:
            return ()
        given = {part: [each for each in found if each is not None] for part, found in self._variables.items()}
        values = {part: iter(found) for part, found in self.session.run(given).items()}
        taken = {
            part: [None if each is None else np.asarray(next(values[part]), np.float64).ravel() for each in found]
            for part, found in self._variables.items()
        }
        rows = zip(
            self._layers, self._frozen, *(taken[part] for part in ("mean", "variance", "gamma", "beta")), strict=True
        )
        return tuple(_described(*row) for row in rows)

    def keep(self) -> Any:
        """The statistics, read in a run of their own."""
        kept = self.session.run([self._variables["mean"], self._variables["variance"]])
        for name, log in self._logs.items():
            if name in self.seen:
                index = [each.name for each in self._layers].index(name)
                before, after = (
                    np.concatenate([np.ravel(part[index]) for part in each]) for each in (self._last, kept)
                )
                mean, variance = (np.asarray(each, np.float64).ravel() for each in self.seen[name])
                call = Call(True, 0, Moments(1.0, mean, np.maximum(variance, 0)), True, before, after)
                log.steps.append([call])
                log.moved.append(not np.array_equal(before, after, equal_nan=True))
        self._last = kept
        return kept

    def snapshots(self, kept: Sequence[Any]) -> Snapshots:
        """What `keep` gave, as arrays."""
        mean, variance = (np.stack([_flat(each[part]) for each in kept]) for part in (0, 1))
        uncounted = np.full((len(kept), len(self._layers)), -1)
        return Snapshots(mean, variance, uncounted, np.zeros(len(kept), int))

    def probe(self) -> None:
        """Lets the next run fetch the moments that fused operations take of the batch."""
        if not self.wanted:
            self._logs = {name: LayerLog() for name in self._moments}
            self.wanted = dict(self._moments)

    def probed(self) -> Mapping[str, LayerSteps]:
        """What was seen in these runs, and what the graph says of the layers that could not be seen."""
        logs, self._logs, self.wanted = self._logs, {}, {}
        epsilon = {each.name: each.epsilon or 0.0 for each in self._layers}
        return self._built | {name: summarized(log, epsilon[name]) for name, log in logs.items() if log.steps}

    def count(self, on: bool) -> None:
        """Nothing to do: nothing tells an evaluation from a step here."""

    def close(self) -> None:
        """Lets no further run fetch anything."""
        self._logs, self.wanted = {}, {}


def _as_built(use: Use | None) -> LayerSteps | None:
    """What a train step does with a layer, where the graph alone tells."""
    if use is not None and use.mode is None:
        return None
    by_batch = use is not None and use.mode is Mode.BATCH
    by_population = use is not None and use.mode is Mode.POPULATION
    return LayerSteps(float(by_batch), float(by_population), 0, 0, 0, None, None, None, False)


def _is_fused(graph: tf.Graph, use: Use) -> bool:
    """Whether the place is a fused operation that takes the moments of the batch, and a run can fetch them."""
    try:
        operation = graph.get_operation_by_name(use.node)
    except KeyError:
        return False  # inside a function
    fused = operation.type.startswith("FusedBatchNorm")
    return fused and bool(operation.get_attr("is_training")) and graph.is_fetchable(operation)


def _described(
    layer: GraphLayer, frozen: bool, mean: Array, variance: Array, gamma: Array | None, beta: Array | None
) -> Layer:
    return Layer(
        name=layer.name,
        kind=layer.kind,
        channels=mean.size,
        config=NormConfig(
            decay=layer.decay,
            epsilon=1e-3 if layer.epsilon is None else layer.epsilon,
            center=beta is not None,
            scale=gamma is not None,
        ),
        statistics=Statistics(mean, variance, None, layer.dtype),
        gamma=gamma,
        beta=beta,
        frozen=frozen,
    )


def _flat(arrays: Sequence[Any]) -> Array:
    return np.concatenate([np.asarray(each, np.float64).ravel() for each in arrays])
