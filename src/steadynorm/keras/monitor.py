"""Monitors the normalization layers of a Keras model, in `fit` or in a loop of one's own, on every backend."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import keras
import numpy as np

import steadynorm.monitor
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Layer, LayerSteps, Mode
from steadynorm.keras.layers import check_built, describe, named_layers, normalization_layers, value
from steadynorm.monitoring.watched import Snapshots


class Monitor(steadynorm.monitor.Monitor, keras.callbacks.Callback):  # type: ignore[misc]
    """`steadynorm.Monitor` of a Keras model, which is a callback of `fit` as well.

    In `fit` a step is what runs between two calls of a callback, `steps_per_execution` batches, and the training loss
    is the mean since the epoch began, as Keras gives it. Each `fit` is a training of its own, also in the run file. One
    that is interrupted does not tell its callbacks: it is judged by `close()`, by the next `fit`, or when Python ends.
    A model that is not built yet is monitored from its first step on. Keras does not count the updates of a layer, so
    that several in one batch look like one, and calls are not watched, so that the decay is not observed.
    """

    _watching: KerasWatched | None

    def __init__(self, model: Any, **options: Any) -> None:
        keras.callbacks.Callback.__init__(self)
        self.steps, self.findings, self._open = 0, [], False
        self._fitting = False
        super().__init__(model, **options)
        atexit.register(_close, weakref.ref(self))

    def step(self, loss: Any = None, state: Sequence[Sequence[Any]] | None = None) -> None:
        """To be called after every step of the optimizer; `fit` does that itself.

        Arguments:
            loss: of the step's batch; a number, or a tensor that holds one.
            state: the values of the trainable and of the other variables after the step, and whatever follows them,
                where a stateless loop on JAX keeps them outside of the model.

        Raises:
            UnusableInputError: the state is not that of the model, or the model was never called.
        """
        watching = self._watching or self._begin_built()
        if state is not None:
            watching.give(state)
        super().step(loss)

    def set_model(self, model: keras.Model) -> None:
        """Hears from `fit` what it trains.

        Raises:
            UnusableInputError: the monitor is of another model.
        """
        if all(self._monitored is not each for each in (model, *named_layers(model).values())):
            raise UnusableInputError(
                f"the monitor is of the model '{self._monitored.name}', and fit() trains '{model.name}', which does "
                "not hold it: make the monitor with the model that is trained"
            )
        super().set_model(model)

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Begins to monitor."""
        self._fitting = True
        if self._watching is None or self.steps > 0:
            self.close()
            self._begin(self._monitored)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Tells the monitor of a step."""
        self.step(loss=(logs or {}).get("loss"))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Writes the validation loss down."""
        if logs and "val_loss" in logs:
            self.validated(logs["val_loss"])

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Ends the monitoring."""
        self.close()
        self._fitting = False

    def _begin(self, model: Any) -> None:
        self._monitored, self._watching = model, None
        try:
            check_built(model)
        except UnusableInputError:
            return  # its first step builds it
        self._begin_built()

    def _begin_built(self) -> KerasWatched:
        check_built(self._monitored)
        self._watching = KerasWatched(self._monitored, lambda: self.model if self._fitting else None)
        self._watch(self._watching)
        return self._watching


def _close(reference: weakref.ref[Monitor]) -> None:
    monitor = reference()
    if monitor is not None:
        monitor.close()


class KerasWatched:
    """Implements `steadynorm.monitoring.watched.Watched` for Keras.

    Arguments:
        model: what is monitored.
        fitted: gives the model that `fit` trains, with its variables as they are now; `None` outside of it.
    """

    framework = "keras"

    def __init__(self, model: Any, fitted: Callable[[], Any]) -> None:
        self.name = model.name
        self._model, self._fitted = model, fitted
        self._layers = normalization_layers(model)
        self._given: list[tuple[Any, Any]] = []
        self._places: list[tuple[Any, int, int]] = []
        # The arrays of JAX are replaced, not changed, wherever a variable is assigned.
        on_jax = keras.backend.backend() == "jax"
        self._before = [(each, weakref.ref(each.value)) for each in model.trainable_variables] if on_jax else []

    def give(self, state: Sequence[Sequence[Any]]) -> None:
        """Takes the values of the variables out of a state from now on.

        Raises:
            UnusableInputError: it has not as many values as the model has variables.
        """
        if not self._places:
            parts = [self._model.trainable_variables, self._model.non_trainable_variables]
            lengths, expected = [len(part) for part in state[:2]], [len(part) for part in parts]
            if lengths != expected:
                raise UnusableInputError(
                    f"state has lists of {lengths} values; expected those of the model's trainable and non-trainable "
                    f"variables, {expected}, as in (trainable_variables, non_trainable_variables, ...)"
                )
            read = ("moving_mean", "moving_variance", "gamma", "beta")
            wanted = {id(getattr(layer, name, None)) for layer in self._layers.values() for name in read}
            self._places = [
                (variable, part, index)
                for part, variables in enumerate(parts)
                for index, variable in enumerate(variables)
                if id(variable) in wanted
            ]
        self._given = [(variable, state[part][index]) for variable, part, index in self._places]

    def layers(self) -> tuple[Layer, ...]:
        """The layers as they are now."""
        # Training mode shows in statistics that move, since a train step calls every layer; but where nothing moves,
        # a step on JAX may have dropped the new values as well.
        fitted = self._fitted()
        told = keras.backend.backend() != "jax" or getattr(type(fitted), "train_step", None) is keras.Model.train_step
        with self._as_now():
            layers = tuple(describe(*each) for each in self._layers.items())
        return tuple(
            replace(each, mode=Mode.POPULATION if told and each.config.decay != 1 else None) for each in layers
        )

    def keep(self) -> Any:
        """Copies of the statistics: the next step gives away the memory of these."""
        with self._as_now():
            layers = self._layers.values()
            return [[value(getattr(layer, name)) for layer in layers] for name in ("moving_mean", "moving_variance")]

    def snapshots(self, kept: Sequence[Any]) -> Snapshots:
        """What `keep` gave, as arrays.

        Raises:
            UnusableInputError: the training goes on outside of the model.
        """
        self._check_assigned()
        mean, variance = (np.stack([np.concatenate(each[part]) for each in kept]) for part in (0, 1))
        uncounted = np.full((len(kept), len(self._layers)), -1)
        at_once = int(getattr(self._fitted(), "steps_per_execution", 1) or 1)
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

    @contextmanager
    def _as_now(self) -> Iterator[None]:
        # The property of the callback brings JAX's variables up to date within fit.
        self._fitted()
        with keras.StatelessScope(state_mapping=self._given):
            yield

    def _check_assigned(self) -> None:
        before, self._before = self._before, []
        if self._given or self._fitted() is not None or not before:
            return
        if all(reference() is variable.value for variable, reference in before):
            raise UnusableInputError(
                "no variable of the model was assigned since the monitor was made; a stateless loop has to hand over "
                "the state that it keeps them in: monitor.step(loss=loss, state=state)"
            )
