"""A Keras model under measurement: sampled batches, and passes over them that write nothing to the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from steadynorm.drawing.network import Network
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import CallSite, Evaluation, Layer, Mode, SampledMoments, Split, TrainSteps, WeightSource
from steadynorm.keras.backends import backend
from steadynorm.keras.batches import (
    arrays_of,
    fresh,
    numbers_of,
    sample,
    sample_count,
    split_batch,
)
from steadynorm.keras.calling import Calling
from steadynorm.keras.calls import standing_in
from steadynorm.keras.dataflow import Recorder
from steadynorm.keras.keeping import Snapshot, subject_kept
from steadynorm.keras.layers import check_built, describe, normalization_layers, random_layers
from steadynorm.keras.network import traced_network
from steadynorm.keras.observation import Watch
from steadynorm.keras.source import weight_source
from steadynorm.keras.steps import own_train_step, run_evaluation, run_train_step
from steadynorm.keras.strays import watch_strays
from steadynorm.leftovers import divided
from steadynorm.live import Override
from steadynorm.passes import Pass, Site
from steadynorm.subject import Subject

TRAIN_STEPS = 5
"""How many times the train step is run."""


@contextmanager
def opened(subject: Subject, *, batches: int | None, device: str | None = None) -> Iterator[KerasLive]:
    """A `KerasLive` over `subject`; what is the user's is as before at the end, whatever happens.

    Raises:
        UnusableInputError: see `KerasLive`; or a `device` was given.
    """
    with subject_kept(subject, device) as snapshot:
        yield KerasLive(subject, snapshot, batches=batches)


class KerasLive:
    """Implements `steadynorm.live.Live` for Keras.

    Arguments:
        subject: what is diagnosed. Passes read the model and write nothing; train step and evaluation run on it.
        snapshot: puts everything that these have changed back.
        batches: how many batches of each split are sampled; `None` for all.

    Raises:
        UnusableInputError: the model is not built, there is no data, the data hold NaN, or the model refuses them.
    """

    framework = "keras"

    def __init__(self, subject: Subject, snapshot: Snapshot, *, batches: int | None) -> None:
        self.subject, self._snapshot = subject, snapshot
        self.model, self._calling = subject.model, Calling(subject)
        self.data = {Split.TRAIN: sample(subject.train_data, batches, "train_data")}
        self.has_validation = subject.validation_data is not None
        if subject.validation_data is not None:
            self.data[Split.VALIDATION] = sample(subject.validation_data, batches, "validation_data")
        check_built(self.model)
        self._dropout_layers = list(random_layers(self.model))
        self.has_dropout = bool(self._dropout_layers)
        registered = normalization_layers(self.model)
        self._watched = {**registered, **self._try_first_batch(registered)}
        self._layers = tuple(
            describe(name, layer, registered=name in registered) for name, layer in self._watched.items()
        )

    def layers(self) -> tuple[Layer, ...]:
        """See `Live`."""
        return self._layers

    def left_out(self) -> Mapping[str, str]:
        """See `Live`: every layer that is found is watched."""
        return {}

    def source(self) -> WeightSource | None:
        """See `Live`."""
        return weight_source(self.subject, self._watched)

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
        losses: list[float] = []
        metrics: list[float] = []
        weights: list[float] = []
        largest = 0.0
        watch = Watch(self._watched, batch=mode is Mode.BATCH, observe=observe, override=override)
        with self._plain_calls(), watch() as seen, self._dropout(dropout):
            for batch in self._pieces(split, samples_per_batch):
                watch.begin_forward()
                output = self._calling.run(batch)
                target = self._calling.target(batch)
                weights.append(sample_count(batch))
                if self.subject.loss is not None:
                    losses.append(self._calling.number("loss", output, target))
                if self.subject.metric is not None:
                    metrics.append(self._calling.number("metric", output, target))
                largest = max([largest, *map(_largest, arrays_of(output))])
        return Pass(losses, metrics, weights, seen.sampled(), tuple(seen.batch_layers), seen.values, largest)

    def chains(self) -> Mapping[Site, CallSite]:
        """See `Live`."""
        recorder = Recorder(self.model, self._watched)
        forward = self._calling.forward
        try:
            recorder.record(lambda batch: forward(self.model, batch), self.data[Split.TRAIN][0])
        except Exception:  # code that runs on arrays but not on symbols has no chains; nothing else needs them
            return {}
        return recorder.chains()

    def network(self) -> Network:
        """See `Live`."""
        recorder = Recorder(self.model, self._watched)
        forward, batch = self._calling.forward, self.data[Split.TRAIN][0]
        try:
            given = recorder.record(lambda each: forward(self.model, each), batch)
        except Exception as error:
            raise UnusableInputError(
                f"the model runs on arrays, but not on Keras' symbolic tensors, by which it is followed: "
                f"{type(error).__name__}: {error}. Functions of keras.ops take these, those of the backend do not"
            ) from error
        return traced_network(recorder, self._calling, self._watched, given, batch)

    def steps(self) -> TrainSteps | None:
        """See `Live`."""
        step = self.subject.train_step or own_train_step(self.model)
        if step is None:
            return None
        train = divided(self.data[Split.TRAIN], self._layers, sample_count)
        batches = [fresh(train[index % len(train)]) for index in range(TRAIN_STEPS)]
        given = self.subject.optimizer if self.subject.train_step is not None else None
        optimizers = self._snapshot.reached(keras.optimizers.Optimizer)
        try:
            with backend().plain_execution():
                taken = run_train_step(self.model, self._watched, step, given, optimizers, batches)
            return replace(taken, moments=self._moments())
        finally:
            self._snapshot.put_back()

    def evaluate(self) -> Evaluation | None:
        """See `Live`."""
        if self.subject.evaluate is None:
            return None
        taken = self._evaluated(in_inference=False)
        if taken.result is None or not taken.batch_layers:
            return taken
        return replace(taken, inference_result=self._evaluated(in_inference=True).result)

    def _evaluated(self, *, in_inference: bool) -> Evaluation:
        split = Split.VALIDATION if self.has_validation else Split.TRAIN
        batches = [fresh(batch) for batch in self.data[split]]
        assert self.subject.evaluate is not None
        try:
            with backend().plain_execution():
                return run_evaluation(
                    self.model, self._watched, self.subject.evaluate, batches, in_inference=in_inference
                )
        finally:
            self._snapshot.put_back()

    def _moments(self) -> dict[Site, SampledMoments]:
        """What the call sites are fed in batch mode, as the weights are now."""
        watch = Watch(self._watched, batch=True, observe=True)
        with self._plain_calls(), watch() as seen:
            for batch in self.data[Split.TRAIN]:
                watch.begin_forward()
                self._calling.run(batch)
        return seen.sampled()

    def _try_first_batch(self, registered: Mapping[str, Any]) -> dict[str, Any]:
        """Runs one batch to find out what the model refuses, and which layers outside of it it uses."""
        first = self.data[Split.TRAIN][0]
        with (
            self._plain_calls(),
            backend().without_gradients(),
            keras.StatelessScope(),
            watch_strays(registered) as strays,
        ):
            output = self._calling.run(first)
            target = self._calling.target(first)
            for name in ("loss", "metric"):
                if getattr(self.subject, name) is not None:
                    self._calling.number(name, output, target)
        return strays

    def _plain_calls(self) -> AbstractContextManager[None]:
        return backend().plain_calls() if self.subject.forward is None else backend().plain_execution()

    def _pieces(self, split: Split, samples: int | None) -> Iterator[Any]:
        for batch in self.data[split]:
            yield from [batch] if samples is None else split_batch(batch, samples)

    @contextmanager
    def _dropout(self, active: bool) -> Iterator[None]:
        layers = self._dropout_layers if active else []
        with standing_in((layer, lambda called: called.run(training=True)) for layer in layers):
            yield


def _largest(array: Any) -> float:
    values = numbers_of(array)
    if not np.issubdtype(values.dtype, np.floating) or values.size == 0:
        return 0.0
    value = float(np.max(np.abs(values)))
    return float("inf") if np.isnan(value) else value
