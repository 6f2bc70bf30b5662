"""A callback of Keras that monitors the normalization layers of a model while `fit` trains it, on every backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from steadynorm.evidence import Array, Layer, LayerSteps, Mode
from steadynorm.keras.layers import describe
from steadynorm.monitor import sinks
from steadynorm.monitoring.session import EVERY, Session
from steadynorm.monitoring.watched import Snapshots


class MonitorCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """`steadynorm.Monitor` for `model.fit`: warns, once per cause, of what goes wrong with normalization layers.

    It only reads: the trained weights are bit for bit those without it. A step is what runs between two calls of the
    callback, `steps_per_execution` batches. Keras does not count the updates of a layer, so that several in one batch
    look like one, and calls are not watched, so that the decay is not observed.

    Arguments:
        every: steps between measurements.
        run: a path to write a run file to; its training loss is the mean since the epoch began, as Keras gives it.
        tensorboard: a folder to write TensorBoard's event file to.

    Attributes:
        session: of the training that runs or ran last, with its `findings`; `None` before.
    """

    def __init__(
        self, *, every: int = EVERY, run: str | Path | None = None, tensorboard: str | Path | None = None
    ) -> None:
        super().__init__()
        self.session: Session | None = None
        self._every, self._run, self._tensorboard = every, run, tensorboard

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Begins to monitor."""
        # The property of the callback, and not the model, brings JAX's variables up to date.
        watched = KerasWatched(lambda: self.model)
        written = sinks(watched, self._every, self._run, self._tensorboard)
        self.session = Session(watched, every=self._every, sinks=written)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Tells the monitor of a step."""
        if self.session is not None:
            self.session.step(loss=(logs or {}).get("loss"))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Writes the validation loss down."""
        if self.session is not None and logs and "val_loss" in logs:
            self.session.validated(logs["val_loss"])

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Ends the monitoring."""
        if self.session is not None:
            self.session.close()


class KerasWatched:
    """Implements `steadynorm.monitoring.watched.Watched` for Keras.

    Arguments:
        model: gives the model with its variables as they are now.
    """

    framework = "keras"

    def __init__(self, model: Callable[[], Any]) -> None:
        self._model = model
        self.name = model().name
        self._names = {
            id(layer): layer.path
            for layer in model()._flatten_layers(include_self=True)
            if isinstance(getattr(layer, "moving_mean", None), keras.Variable)
            and isinstance(getattr(layer, "moving_variance", None), keras.Variable)
        }

    def layers(self) -> tuple[Layer, ...]:
        """The layers as they are now."""
        # Training mode shows in statistics that move; `fit` calls every layer.
        return tuple(
            replace(describe(self._names[id(layer)], layer), mode=Mode.POPULATION) for layer in self._normalizing()
        )

    def keep(self) -> Any:
        """Copies of the statistics: the next step gives away the memory of these."""
        layers = self._normalizing()
        return [[_values(getattr(layer, name)) for layer in layers] for name in ("moving_mean", "moving_variance")]

    def snapshots(self, kept: Sequence[Any]) -> Snapshots:
        """What `keep` gave, as arrays."""
        mean, variance = (np.stack([np.concatenate(each[part]) for each in kept]) for part in (0, 1))
        uncounted = np.full((len(kept), len(self._names)), -1)
        at_once = int(getattr(self._model(), "steps_per_execution", 1) or 1)
        return Snapshots(mean, variance, uncounted, np.zeros(len(kept), int), at_once=at_once)

    def probe(self) -> None:
        """Nothing to do: within a compiled function no call is seen."""

    def probed(self) -> Mapping[str, LayerSteps]:
        """Nothing was seen."""
        return {}

    def count(self, on: bool) -> None:
        """Nothing to do: nothing tells an evaluation from a step here."""

    def close(self) -> None:
        """Nothing to take off."""

    def _normalizing(self) -> list[Any]:
        return [layer for layer in self._model()._flatten_layers(include_self=True) if id(layer) in self._names]


def _values(variable: Any) -> Array:
    # Keras' own conversions make NumPy warn, and not of the same backends' variables each.
    value = variable.value
    if hasattr(value, "detach"):
        value = value.detach().double().cpu()
    return np.array(np.asarray(value), np.float64).ravel()
