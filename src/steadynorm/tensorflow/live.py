"""A TensorFlow graph under measurement: sampled batches, and runs of a copy of the graph over them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from steadynorm.drawing.network import Network
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import CallSite, Evaluation, Layer, Mode, SampledMoments, Split, TrainSteps, WeightSource
from steadynorm.layer_moments import LayerMoments
from steadynorm.live import Override
from steadynorm.norm.moments import Moments
from steadynorm.passes import Pass, Site
from steadynorm.subject import Subject
from steadynorm.tensorflow.batches import feed, sample, sample_count, split_batch
from steadynorm.tensorflow.functions import called
from steadynorm.tensorflow.graph_copy.copied import FAILURES, CopiedGraph, Seen, copied_graph, refused
from steadynorm.tensorflow.graph_copy.sites import numbered, one_per_use
from steadynorm.tensorflow.graph_copy.trained import trained_names
from steadynorm.tensorflow.graph_subject import GraphSubject
from steadynorm.tensorflow.layer_variables import operation_names
from steadynorm.tensorflow.network import graph_network
from steadynorm.tensorflow.train_run import run_train_op

TRAIN_STEPS = 5
"""How many times the train op is run."""


@contextmanager
def opened(subject: Subject, *, batches: int | None, device: str | None = None) -> Iterator[GraphLive]:
    """A `GraphLive` over `subject`, which ends with the context.

    Raises:
        UnusableInputError: see `GraphLive`; or the subject is none of a graph, or a `device` was given.
    """
    check_device(device)
    subject = of_graph(subject)
    with copied_graph(subject.model) as copied:
        yield GraphLive(subject, copied, batches=batches)


def of_graph(subject: Subject) -> GraphSubject:
    """The subject itself, which has to be one of a graph.

    Raises:
        UnusableInputError: it is not.
    """
    if not isinstance(subject, GraphSubject):
        raise UnusableInputError(
            f"the subject is a {type(subject).__name__}; expected a steadynorm.tensorflow.GraphSubject, which says "
            "what the graph is fed and asked for"
        )
    return subject


def check_device(device: str | None) -> None:
    """Refuses a device.

    Raises:
        UnusableInputError: one was given.
    """
    if device is not None:
        raise UnusableInputError(
            f"device={device!r}: the copy of a graph runs where TensorFlow puts it; leave device out, and hide devices "
            "with CUDA_VISIBLE_DEVICES"
        )


class GraphLive:
    """Implements `steadynorm.live.Live` for TensorFlow's graphs.

    Arguments:
        subject: what is diagnosed.
        copied: a copy of its graph; everything runs on it.
        batches: how many batches of each split are sampled; `None` for all.

    Raises:
        UnusableInputError: there is no data, the data hold NaN, or the graph refuses them.
    """

    framework = "tensorflow"

    def __init__(self, subject: GraphSubject, copied: CopiedGraph, *, batches: int | None) -> None:
        self.subject, self.model, self._copied = subject, subject.model, copied
        self.data = {Split.TRAIN: sample(subject.train_data, batches, "train_data")}
        self.has_validation = subject.validation_data is not None
        if subject.validation_data is not None:
            self.data[Split.VALIDATION] = sample(subject.validation_data, batches, "validation_data")
        self._asked = {
            name: each for name in ("output", "loss", "metric") if isinstance(each := getattr(subject, name), tf.Tensor)
        }
        self._spots = copied.layers.spots
        _, seen = self._run(self.data[Split.TRAIN][0])
        self._trained = trained_names(self.model)
        sizes = {self._spots[each.spot].layer: each.mean.size for each in seen}
        described = [
            copied.layers.describe(name, copied.values, self._trained, channels=size) for name, size in sizes.items()
        ]
        # Of statistics in several parts only one would be compared.
        in_parts = {each.name for each in described if each.channels != sizes[each.name]}
        self._layers = tuple(each for each in described if each.name not in in_parts)
        unseen = {self._spots[number].layer: why for number, why in copied.unwatched.items()}
        self._left_out = {name: why for name, why in unseen.items() if name not in sizes}
        self._left_out |= dict.fromkeys(sorted(in_parts), "their statistics are stored in several parts")
        self._sites = self._looked_at(seen)
        self._training = [*self.model.train_op] or list(self._asked.values())
        self.has_dropout = copied.layers.drop(each.name.partition(":")[0] for each in self._training)
        self._sites_in_training = self._found_in_training() if self.has_dropout else {}

    def layers(self) -> tuple[Layer, ...]:
        """See `Live`."""
        return self._layers

    def left_out(self) -> Mapping[str, str]:
        """See `Live`."""
        return self._left_out

    def source(self) -> WeightSource | None:
        """See `Live`."""
        return None

    def measure(
        self,
        split: Split,
        mode: Mode,
        *,
        observe: bool = False,
        dropout: bool = False,
        override: Override | None = None,
        samples_per_batch: int | None = None,
    ) -> Pass:
        """See `Live`."""
        if dropout:
            return self._with_dropout(split)
        by_batch = mode is Mode.BATCH
        instead = {
            number: override[site] for number, site in self._sites.items() if override is not None and site in override
        }
        losses: list[float] = []
        metrics: list[float] = []
        weights: list[float] = []
        largest = 0.0
        watch = _Watch(self._sites)
        for batch in self._pieces(split, samples_per_batch):
            found, seen = self._run(batch, by_batch=by_batch, override=instead)
            weights.append(sample_count(batch))
            if self.subject.loss is not None:
                losses.append(self._number("loss", found, batch))
            if self.subject.metric is not None:
                metrics.append(self._number("metric", found, batch))
            largest = max(largest, _largest(found.get("output")))
            calls = one_per_use(seen, self._spots, by_batch=by_batch)
            watch.see(calls, observe=observe, by_batch=by_batch, replaced=instead)
        return Pass(losses, metrics, weights, watch.sampled(), tuple(watch.batch_layers), watch.values, largest)

    def chains(self) -> Mapping[Site, CallSite]:
        """See `Live`."""
        found: dict[Site, CallSite] = {}
        # Where training has a part of the graph to itself, dropout is only there.
        for number, site in [*self._sites.items(), *self._sites_in_training.items()]:
            if site not in found or not _drops(found[site]):
                before, after = self._copied.layers.chains(self._spots[number])
                call = CallSite(*site, before=before, after=after)
                if site not in found or _drops(call):
                    found[site] = call
        return found

    def network(self) -> Network:
        """See `Live`."""
        return graph_network(self.model.session.graph)

    def steps(self) -> TrainSteps | None:
        """See `Live`."""
        if not self.model.train_op:
            return None
        train = self.data[Split.TRAIN]
        batches = [train[index % len(train)] for index in range(TRAIN_STEPS)]
        trained = sorted(name for name in self._trained or () if name in self._copied.values)
        try:
            taken = run_train_op(self._copied, self.model, self._layers, trained, batches, self._asked.get("loss"))
            return replace(taken, optimizer_steps=self._steps_counted(), moments=self._moments())
        finally:
            self._copied.put_back()

    def evaluate(self) -> Evaluation | None:
        """See `Live`: what inference is fed says all about it."""
        return None

    def _moments(self) -> dict[Site, SampledMoments]:
        """What the call sites are fed in batch mode, as the weights are now."""
        watch = _Watch(self._sites)
        for batch in self.data[Split.TRAIN]:
            _, seen = self._run(batch, by_batch=True)
            calls = one_per_use(seen, self._spots, by_batch=True)
            watch.see(calls, observe=True, by_batch=True, replaced={})
        return watch.sampled()

    def _with_dropout(self, split: Split) -> Pass:
        """What the call sites are fed by a graph that trains, where dropout drops; each batch by the same weights."""
        watch = _Watch(self._sites_in_training)
        for batch in self.data[split]:
            watch.see(self._seen_in_training(batch), observe=True, by_batch=True, replaced={})
        weights = [sample_count(batch) for batch in self.data[split]]
        return Pass([], [], weights, watch.sampled(), tuple(watch.batch_layers), watch.values, 0.0)

    def _looked_at(self, seen: list[Seen]) -> dict[int, Site]:
        """The call sites of the layers that are none of those left out, by the number of the place."""
        known = {each.name for each in self._layers}
        return {number: site for number, site in numbered(seen, self._spots).items() if site[0] in known}

    def _found_in_training(self) -> dict[int, Site]:
        """The call sites by the places that run in training, of layers that are used as often as in inference."""
        found = self._looked_at(self._seen_in_training(self.data[Split.TRAIN][0]))
        in_inference, in_training = (Counter(layer for layer, _ in set(each.values())) for each in (self._sites, found))
        return {number: site for number, site in found.items() if in_training[site[0]] == in_inference[site[0]]}

    def _seen_in_training(self, batch: Any) -> list[Seen]:
        given = feed(self.model, batch, training=True)
        try:
            _, seen = self._copied.run(self._training, given, by_batch=True)
        except FAILURES as error:
            raise refused(error, given, "a batch, fed as for training") from error
        finally:
            self._copied.put_back()
        return one_per_use(seen, self._spots, by_batch=True)

    def _run(self, batch: Any, **switches: Any) -> tuple[dict[str, Any], list[Seen]]:
        given = feed(self.model, batch)
        try:
            found, seen = self._copied.run(list(self._asked.values()), given, **switches)
        except FAILURES as error:
            raise refused(error, given, "a batch") from error
        return dict(zip(self._asked, found, strict=True)), seen

    def _number(self, name: str, found: Mapping[str, Any], batch: Any) -> float:
        if name in found:
            return float(np.mean(found[name]))
        return called(self.subject, name, found.get("output"), batch)

    def _pieces(self, split: Split, samples: int | None) -> Iterator[Any]:
        for batch in self.data[split]:
            yield from [batch] if samples is None else split_batch(batch, samples)

    def _steps_counted(self) -> int | None:
        """What the global step counts."""
        for variable in self.model.session.graph.get_collection(tf.compat.v1.GraphKeys.GLOBAL_STEP):
            for name in operation_names(variable):
                if name in self._copied.values:
                    return int(self._copied.values[name]) or None
        return None


class _Watch:
    """Accumulates what is seen of the layers over batches."""

    def __init__(self, sites: Mapping[int, Site]) -> None:
        self._sites = sites
        self._moments: dict[Site, LayerMoments] = {}
        self.batch_layers: dict[str, None] = {}
        self.values: int | None = None

    def see(self, calls: list[Seen], *, observe: bool, by_batch: bool, replaced: Mapping[int, Any]) -> None:
        for each in calls:
            site = self._sites.get(each.spot)
            if site is None:
                continue
            if observe:
                moments = Moments(float(each.values), each.mean, each.variance * each.values)
                self._moments.setdefault(site, LayerMoments()).add(moments)
            if (by_batch and each.values > 1) or (each.by_batch and each.spot not in replaced):
                self.batch_layers[site[0]] = None
                self.values = min(each.values, self.values or each.values)

    def sampled(self) -> dict[Site, SampledMoments]:
        return {site: accumulated.sampled() for site, accumulated in self._moments.items() if accumulated.values}


def _drops(call: CallSite) -> bool:
    return any(each.kind == "dropout" for each in call.before)


def _largest(output: Any) -> float:
    if output is None or not np.issubdtype(np.asarray(output).dtype, np.floating) or not np.size(output):
        return 0.0
    value = float(np.max(np.abs(output)))
    return float("inf") if np.isnan(value) else value
