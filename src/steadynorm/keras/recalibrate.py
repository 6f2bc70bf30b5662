"""What recalibration needs of Keras: a model run batch by batch, and what its layers are fed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
import numpy as np

from steadynorm.errors import NoNormalizationLayersError, UnusableInputError
from steadynorm.evidence import Mode, SampledMoments
from steadynorm.joining import TRIED_SAMPLES, JoinedBatches, Joining
from steadynorm.keras.backends import backend
from steadynorm.keras.batches import (
    arrays_of,
    call,
    check_finite,
    inputs_and_targets,
    numbers_of,
    read,
    sample_count,
    shapes_of,
)
from steadynorm.keras.calls import standing_in
from steadynorm.keras.keeping import kept
from steadynorm.keras.layers import check_built, epsilon_of, normalization_layers
from steadynorm.keras.taps import Tap
from steadynorm.norm.moments import Moments
from steadynorm.quoting import said
from steadynorm.recalibration import Taken


@contextmanager
def opened(
    model: Any,
    data: Iterable[Any],
    *,
    include_frozen: bool,
    forward: Callable[[Any, Any], Any] | None,
    device: str | None,
) -> Iterator[KerasWork]:
    """The model made ready for recalibration; it is as before at the end, whatever happens.

    Raises:
        NoNormalizationLayersError: it has no layer to re-estimate.
        UnusableInputError: it is not built, or a `device` was given.
    """
    if device is not None:
        raise UnusableInputError(
            f"device={device!r}: a Keras model runs where its backend has put it; leave device out, and set the "
            "device of the backend before the model is built"
        )
    check_built(model)
    layers, skipped = _chosen(model, include_frozen)
    with kept(model, forward):
        work = KerasWork(model, layers, skipped, data, forward)
        plain = backend().plain_calls() if forward is None else backend().plain_execution()
        with (
            plain,
            backend().without_gradients(),
            keras.StatelessScope(),
            standing_in((tap.layer, tap) for tap in work.taps.values()),
        ):
            yield work


def store(model: Any, moments: Mapping[str, SampledMoments]) -> None:
    """Writes new statistics into the layers' variables: into all of them, or none where anything raises.

    Raises:
        UnusableInputError: a statistic is too large for the type that the layer keeps it in.
    """
    layers = normalization_layers(model)
    written: list[tuple[Any, Any]] = []
    for name, each in moments.items():
        layer = layers[name]
        found = [(layer.moving_mean, each.mean), (layer.moving_variance, each.variance)]
        if getattr(layer, "renorm", False):
            # The average that training goes on from; the variance of inference is taken from it.
            found.append((layer.moving_stddev, np.sqrt(each.variance + epsilon_of(layer))))
        for variable, values in found:
            dtype = keras.backend.standardize_dtype(variable.dtype)
            if not np.isfinite(numbers_of(keras.ops.convert_to_tensor(values, dtype))).all():
                raise UnusableInputError(
                    f"the new statistics of '{name}' do not fit into {dtype}: keep the layer's variables in float32 "
                    "(dtype='mixed_float16' does)"
                )
            written.append((variable, values.reshape(tuple(variable.shape))))
    before = [numbers_of(variable.value).copy() for variable, _ in written]
    try:
        for variable, values in written:
            variable.assign(values)
    except BaseException:
        for (variable, _), old in zip(written, before, strict=True):
            variable.assign(old)
        raise


class KerasWork:
    """Implements `steadynorm.recalibration.Work` for Keras.

    Arguments:
        model: the model.
        layers: those to re-estimate, by name.
        skipped: the others with the reason.
        data: the batches.
        forward: the user's function, or `None`.
    """

    def __init__(
        self,
        model: Any,
        layers: Mapping[str, Any],
        skipped: Mapping[str, str],
        data: Iterable[Any],
        forward: Callable[[Any, Any], Any] | None,
    ) -> None:
        self.model, self.layers, self.data, self.forward = model, layers, data, forward
        self.taps = {name: Tap(layer) for name, layer in layers.items()}
        self._skipped = skipped
        self._moments: Mapping[str, SampledMoments] = {}
        self._joining = Joining(self._fed)

    def skipped(self) -> Mapping[str, str]:
        """See `Work`."""
        without = {
            name: tap.unfit or "no batch calls it" for name, tap in self.taps.items() if name not in self._moments
        }
        return {**self._skipped, **without}

    def start(self, mode: Mode) -> None:
        """See `Work`."""
        for name, tap in self.taps.items():
            known = self._moments.get(name) if mode is Mode.POPULATION else None
            tap.start(mode is Mode.BATCH, None if known is None else (known.mean, known.variance))
        self._joining.begin(mode is Mode.BATCH and self.forward is None)
        self._unread = JoinedBatches(read(self.data, "data"))
        self._done = self._samples = 0
        self._ended = False

    def run(self, upto: int | None, on_batch: Callable[[int], None]) -> None:
        """See `Work`."""
        while not self._ended and (upto is None or self._done < upto):
            self._run_next(None if upto is None else upto - self._done)
            on_batch(self._done)

    def taken(self) -> Taken:
        """See `Work`."""
        self._moments = {name: tap.moments.sampled() for name, tap in self.taps.items() if tap.moments.values}
        epsilon = {name: epsilon_of(self.layers[name]) for name in self._moments}
        groups = max((moments.batches for moments in self._moments.values()), default=0)
        return Taken(self._done, self._samples, groups, self._ended, self._moments, epsilon)

    def _run_next(self, most: int | None) -> None:
        batches = self._unread.take(self._joining.most(most))
        self._ended = not batches
        for index, batch in enumerate(batches, self._done):
            if self.forward is None:
                check_finite(inputs_and_targets(batch)[0], "data", index)
        if not self._joining.is_done(batches, self._run_joined):
            for index, batch in enumerate(batches, self._done):
                self._run(batch, index)
        self._done += len(batches)
        self._samples += sum(map(sample_count, batches))

    def _fed(self, batches: list[Any]) -> dict[str, Moments]:
        """What the layers are fed by the first samples of some batches in one; see `is_the_same_joined`."""
        with ExitStack() as stack:
            tried = {name: stack.enter_context(tap.tried()) for name, tap in self.taps.items()}
            inputs = [numbers_of(inputs_and_targets(batch)[0])[:TRIED_SAMPLES] for batch in batches]
            call(self.model, (np.concatenate(inputs), None))
        return {name: moments for name, found in tried.items() for moments in found}

    def _run_joined(self, batches: list[Any]) -> bool:
        """Runs batches as one; `False` for a model that takes batches of its own size only, which then gets them."""
        try:
            call(self.model, (np.concatenate([numbers_of(inputs_and_targets(batch)[0]) for batch in batches]), None))
            is_taken = True
        except Exception:
            is_taken = False
        self._end_batch(self._done, keep=is_taken)
        return is_taken

    def _run(self, batch: Any, index: int) -> None:
        try:
            if self.forward is None:
                call(self.model, batch)
            else:
                self.forward(self.model, batch)
        except UnusableInputError:
            raise
        except Exception as error:
            shapes = shapes_of(batch) if next(arrays_of(batch), None) is not None else type(batch).__name__
            raise UnusableInputError(
                f"the model refuses batch {index} of {shapes}: {said(error)}. "
                "Pass forward=lambda model, batch: ... if the model is called in another way"
            ) from error
        self._end_batch(index, keep=True)

    def _end_batch(self, index: int, *, keep: bool) -> None:
        for name, tap in self.taps.items():
            if not tap.end_batch(keep=keep):
                raise UnusableInputError(
                    f"the input of '{name}' holds values that are NaN or Inf in batch {index}: remove them from the "
                    "data; if the data are finite, a layer before it overflows"
                )


def _chosen(model: Any, include_frozen: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """The layers to re-estimate, and the others with the reason.

    Raises:
        NoNormalizationLayersError: there is none to re-estimate; the message says why.
    """
    layers = normalization_layers(model)
    skipped = {
        name: "it is frozen; include_frozen=True re-estimates it"
        for name, layer in layers.items()
        if not layer.trainable and not include_frozen
    }
    chosen = {name: layer for name, layer in layers.items() if name not in skipped}
    if chosen:
        return chosen, skipped
    kind = type(model).__name__
    if not layers:
        raise NoNormalizationLayersError(f"the model ({kind}) has no normalization layer: nothing to re-estimate")
    raise NoNormalizationLayersError(
        f"all {len(skipped)} normalization layers of the model ({kind}) are frozen: pass include_frozen=True to "
        "re-estimate frozen layers"
    )
