"""What recalibration needs of TensorFlow: a copy of a graph run batch by batch, and what its layers are fed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from steadynorm.batches import inputs_and_target
from steadynorm.errors import NoNormalizationLayersError, UnusableInputError
from steadynorm.evidence import Array, Mode, SampledMoments
from steadynorm.joining import TRIED_SAMPLES, JoinedBatches, Joining
from steadynorm.layer_moments import LayerMoments
from steadynorm.norm.moments import Moments
from steadynorm.recalibration import Taken
from steadynorm.tensorflow.batches import check_finite, feed, read, sample_count
from steadynorm.tensorflow.graph_copy.copied import FAILURES, CopiedGraph, Seen, copied_graph, layers_of, refused
from steadynorm.tensorflow.graph_copy.sites import one_per_use
from steadynorm.tensorflow.graph_copy.trained import trained_names
from steadynorm.tensorflow.graph_copy.values import variable_shapes, write_values
from steadynorm.tensorflow.graph_subject import GraphModel
from steadynorm.tensorflow.live import check_device


@contextmanager
def opened(
    model: GraphModel,
    data: Iterable[Any],
    *,
    include_frozen: bool,
    forward: Callable[[Any, Any], Any] | None,
    device: str | None,
) -> Iterator[GraphWork]:
    """The graph made ready for recalibration, as a copy; the graph itself and its variables stay as they are.

    Raises:
        NoNormalizationLayersError: it has no layer to re-estimate.
        UnusableInputError: it cannot be copied, or a `forward` or `device` was given.
    """
    check_device(device)
    if forward is not None:
        raise UnusableInputError(
            "forward was given for a TensorFlow graph, of which no Python code is run: leave it out"
        )
    with copied_graph(model) as copied:
        yield GraphWork(model, copied, data, include_frozen=include_frozen)


def store(model: GraphModel, moments: Mapping[str, SampledMoments]) -> None:
    """Writes new statistics into the variables: of the session, or those that the model holds itself.

    Raises:
        UnusableInputError: a statistic does not fit into its variable; none is written then.
    """
    layers, shapes = layers_of(model.session.graph), variable_shapes(model.session.graph)
    written: dict[str, Any] = {}
    for layer, each in moments.items():
        for name, values in zip(layers.statistics(layer) or (), (each.mean, each.variance), strict=True):
            shape = shapes[name] or values.shape
            if math.prod(shape) != values.size:
                raise UnusableInputError(
                    f"the new statistics of '{layer}' have {values.size} values, and {name} is one part of several of "
                    "the old ones: statistics in parts cannot be re-estimated"
                )
            dtype = model.session.graph.get_operation_by_name(name).get_attr("dtype").as_numpy_dtype
            written[name] = values.astype(dtype).reshape(shape)
            if not np.isfinite(written[name].astype(np.float64)).all():
                raise UnusableInputError(f"the new statistics do not fit into {name}: keep it in float32")
    if model.values is None:
        write_values(model.session, written)
    else:
        model.values.update(written)


class GraphWork:
    """Implements `steadynorm.recalibration.Work` for TensorFlow's graphs.

    Arguments:
        model: what is re-estimated.
        copied: a copy of it; everything runs on it.
        data: the batches.
        include_frozen: whether frozen layers are re-estimated as well.

    Raises:
        NoNormalizationLayersError: there is no layer to re-estimate; the message says why.
    """

    def __init__(self, model: GraphModel, copied: CopiedGraph, data: Iterable[Any], *, include_frozen: bool) -> None:
        self._model, self._copied, self._data = model, copied, data
        layers = copied.layers
        trained = trained_names(model)
        described = [
            layers.describe(name, copied.values, trained) for name in dict.fromkeys(each.layer for each in layers.spots)
        ]
        if not described:
            raise NoNormalizationLayersError("the graph has no normalization layer: nothing to re-estimate")
        self._skipped = {each.name: "it keeps no statistics" for each in described if each.statistics is None}
        frozen = [each.name for each in described if each.frozen and each.name not in self._skipped]
        if not include_frozen:
            self._skipped |= dict.fromkeys(frozen, "it is frozen; include_frozen=True re-estimates it")
        self._stored = {
            each.name: (each.statistics.mean, each.statistics.variance) for each in described if each.statistics
        }
        self._chosen = [each.name for each in described if each.name not in self._skipped]
        if not self._chosen:
            raise NoNormalizationLayersError(
                "no normalization layer of the graph can be re-estimated: "
                + "; ".join(f"'{name}': {reason}" for name, reason in self._skipped.items())
            )
        self._taken: dict[str, LayerMoments] = {}
        self._known: dict[str, SampledMoments] = {}
        self._joining = Joining(self._fed)

    def skipped(self) -> Mapping[str, str]:
        """See `Work`."""
        return {**self._skipped, **{name: "no batch runs it" for name in self._chosen if name not in self._known}}

    def start(self, mode: Mode) -> None:
        """See `Work`."""
        self._by_batch = mode is Mode.BATCH
        # Layers that stay as they are normalize by what they hold, and so do the others once that is known.
        instead: dict[str, tuple[Array, Array]] = {
            name: pair for name, pair in self._stored.items() if name in self._skipped
        }
        if not self._by_batch:
            instead |= {name: (each.mean, each.variance) for name, each in self._known.items()}
        spots = self._copied.layers.spots
        self._override = {number: instead[spot.layer] for number, spot in enumerate(spots) if spot.layer in instead}
        self._taken = {name: LayerMoments() for name in self._chosen}
        self._joining.begin(self._by_batch)
        self._unread = JoinedBatches(read(self._data, "data"))
        self._done = self._samples = 0
        self._ended = False

    def run(self, upto: int | None, on_batch: Callable[[int], None]) -> None:
        """See `Work`."""
        while not self._ended and (upto is None or self._done < upto):
            self._run_next(None if upto is None else upto - self._done)
            on_batch(self._done)

    def taken(self) -> Taken:
        """See `Work`."""
        self._known = {name: each.sampled() for name, each in self._taken.items() if each.values}
        epsilon = {name: self._copied.layers.epsilon(name) for name in self._known}
        groups = max((moments.batches for moments in self._known.values()), default=0)
        return Taken(self._done, self._samples, groups, self._ended, self._known, epsilon)

    def _run_next(self, most: int | None) -> None:
        batches = self._unread.take(self._joining.most(most))
        self._ended = not batches
        for index, batch in enumerate(batches, self._done):
            check_finite(inputs_and_target(batch)[0], "data", index)
        if not self._joining.is_done(batches, self._run_joined):
            for index, batch in enumerate(batches, self._done):
                self._run(batch, index)
        self._done += len(batches)
        self._samples += sum(map(sample_count, batches))

    def _fed(self, batches: list[Any]) -> dict[str, Moments]:
        """What the layers are fed by the first samples of some batches in one; see `is_the_same_joined`."""
        parts = zip(*map(inputs_and_target, batches), strict=True)
        few = tuple(np.concatenate([each[:TRIED_SAMPLES] for each in part]) for part in parts)
        _, seen = self._copied.run(self._model.fetches[:1], feed(self._model, few))
        return self._merged(seen, self._done, by_batch=False)

    def _run_joined(self, batches: list[Any]) -> bool:
        """Runs batches as one; `False` for a graph that takes batches of its own size only, which then gets them."""
        parts = zip(*map(inputs_and_target, batches), strict=True)
        try:
            self._run(tuple(np.concatenate(each) for each in parts), self._done)
        except UnusableInputError:
            return False
        return True

    def _run(self, batch: Any, index: int) -> None:
        given = feed(self._model, batch)
        try:
            _, seen = self._copied.run(self._model.fetches[:1], given, by_batch=self._by_batch, override=self._override)
        except FAILURES as error:
            raise refused(error, given, f"batch {index}") from error
        for name, moments in self._merged(seen, index, by_batch=self._by_batch).items():
            self._taken[name].add(moments)

    def _merged(self, seen: list[Seen], index: int, *, by_batch: bool) -> dict[str, Moments]:
        """What each layer was fed, all of its calls together."""
        spots = self._copied.layers.spots
        found: dict[str, Moments] = {}
        for each in one_per_use(seen, spots, by_batch=by_batch):
            name = spots[each.spot].layer
            if name in self._taken and each.values:
                if not (np.isfinite(each.mean).all() and np.isfinite(each.variance).all()):
                    raise UnusableInputError(
                        f"the input of '{name}' holds values that are NaN or Inf in batch {index}: remove them from "
                        "the data; if the data are finite, a layer before it overflows"
                    )
                moments = Moments(float(each.values), each.mean, each.variance * each.values)
                found[name] = moments if name not in found else found[name].merge(moments)
        return found
