"""A PyTorch model under measurement: a copy, sampled batches, and passes over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from steadynorm.errors import UnusableInputError
from steadynorm.evidence import CallSite, Evaluation, Layer, Mode, Split, TrainSteps, WeightSource
from steadynorm.live import Override
from steadynorm.passes import Pass, Site
from steadynorm.subject import Subject
from steadynorm.torch.batches import (
    call,
    check_finite,
    inputs_and_target,
    sample,
    sample_count,
    split_batch,
    tensors_of,
    to_device,
)
from steadynorm.torch.copying import Copier, unwrap
from steadynorm.torch.dataflow import Recorder
from steadynorm.torch.layers import describe, normalization_layers, unregistered_layers
from steadynorm.torch.observation import Watch, watch_strays
from steadynorm.torch.source import weight_source
from steadynorm.torch.state import gradients_kept, layers_kept, random_states_kept
from steadynorm.torch.steps import run_evaluation, run_train_step

TRAIN_STEPS = 5
"""How many times the train step is run."""

_DROPOUT = nn.modules.dropout._DropoutNd


@contextmanager
def opened(subject: Subject, *, batches: int, device: str | None = None) -> Iterator[TorchLive]:
    """A `TorchLive` over `subject`; the user's random states are put back at the end, whatever happens."""
    with random_states_kept(subject.train_data, subject.validation_data):
        yield TorchLive(subject, batches=batches, device=device)


class TorchLive:
    """Implements `steadynorm.live.Live` for PyTorch.

    Arguments:
        subject: what is diagnosed; its model is copied and never run.
        batches: how many batches of each split are sampled.
        device: where to run; by default where the model is.

    Raises:
        UnusableInputError: the model cannot be copied, there is no data, the data hold NaN, or the model refuses them.
    """

    framework = "torch"

    def __init__(self, subject: Subject, *, batches: int, device: str | None = None) -> None:
        self.subject = subject
        self.device = _device(unwrap(subject.model), device)
        self.data = {Split.TRAIN: self._sampled(subject.train_data, batches, "train_data")}
        self.has_validation = subject.validation_data is not None
        if subject.validation_data is not None:
            self.data[Split.VALIDATION] = self._sampled(subject.validation_data, batches, "validation_data")
        copier = self._copier()
        self.model = copier.model
        self._forward = copier.bind(subject.forward) if subject.forward else call
        self.has_dropout = any(isinstance(module, _DROPOUT) and module.p > 0 for module in self.model.modules())
        self._modes = [module.training for module in self.model.modules()]
        self.model.eval()
        self._norms = normalization_layers(self.model)
        self._unregistered = dict(unregistered_layers(self.model))
        self._strays = self._try_first_batch()
        # A lazy layer has its size and its class only now.
        self._norms = normalization_layers(self.model)
        self._watched = {**self._norms, **self._unregistered, **self._strays}
        self._layers = self._describe()

    def layers(self) -> tuple[Layer, ...]:
        """See `Live`."""
        return self._layers

    def source(self) -> WeightSource | None:
        """See `Live`."""
        return weight_source(self.subject, self._norms)

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
        with watch() as seen, torch.no_grad(), self._dropout(dropout):
            for batch in self._pieces(split, samples_per_batch):
                watch.begin_forward()
                output = self._run(batch)
                target = self._target(batch)
                weights.append(sample_count(batch))
                if self.subject.loss is not None:
                    losses.append(self._number(self.subject.loss, output, target, "loss"))
                if self.subject.metric is not None:
                    metrics.append(self._number(self.subject.metric, output, target, "metric"))
                largest = max([largest, *(_largest(tensor) for tensor in tensors_of(output))])
        moments = {site: accumulated.sampled() for site, accumulated in seen.moments.items() if accumulated.values}
        return Pass(losses, metrics, weights, moments, tuple(seen.batch_layers), seen.values, largest)

    def chains(self) -> Mapping[Site, CallSite]:
        """See `Live`."""
        recorder = Recorder(self.model, self._watched)
        batch = to_device(self.data[Split.TRAIN][0], self.device)
        with Watch(self._watched)(), torch.no_grad():
            recorder.record(lambda: self._forward(self.model, batch), self._watched.items())
        return recorder.chains()

    def steps(self) -> TrainSteps | None:
        """See `Live`."""
        if self.subject.train_step is None:
            return None
        copier = self._copier()
        copier.model.train(self._modes[0])
        for module, training in zip(copier.model.modules(), self._modes, strict=True):
            module.training = training
        batches = [to_device(batch, self.device) for batch in self._training_batches()]
        with self._layers_of(copier.model) as layers:
            return run_train_step(copier, layers, self.subject.train_step, self.subject.optimizer, batches)

    def evaluate(self) -> Evaluation | None:
        """See `Live`."""
        if self.subject.evaluate is None:
            return None
        copier = self._copier()
        batches = [to_device(batch, self.device) for batch in self.data[self._evaluation_split()]]
        with self._layers_of(copier.model) as layers:
            return run_evaluation(copier, layers, self.subject.evaluate, batches)

    @contextmanager
    def _layers_of(self, model: nn.Module) -> Iterator[dict[str, nn.Module]]:
        """The layers that a copy uses; those outside of it are the user's own and are put back at the end."""
        strays = self._strays.values()
        with layers_kept(strays), gradients_kept(strays):
            yield {**normalization_layers(model), **dict(unregistered_layers(model)), **self._strays}

    def _sampled(self, data: Any, batches: int, name: str) -> list[Any]:
        try:
            found = sample(data, batches, name)
        except UnusableInputError:
            raise
        except Exception as error:
            raise UnusableInputError(f"{name} raised while it was read: {type(error).__name__}: {error}") from error
        for index, batch in enumerate(found):
            check_finite(batch, name, index)
        return found

    def _copier(self) -> Copier:
        copier = Copier(self.subject.model)
        if self.device is not None:
            copier.model.to(self.device)
        return copier

    def _try_first_batch(self) -> dict[str, nn.Module]:
        """Runs one batch to find out what the model refuses, and which layers outside of it it uses."""
        with torch.no_grad(), watch_strays(self._unregistered, self.model) as strays:
            output = self._run(self.data[Split.TRAIN][0])
        target = self._target(self.data[Split.TRAIN][0])
        for name in ("loss", "metric"):
            function = getattr(self.subject, name)
            if function is not None:
                self._number(function, output, target, name)
        return strays

    def _describe(self) -> tuple[Layer, ...]:
        by_module = dict(zip(self.model.modules(), self._modes, strict=True))
        found = []
        for name, layer in self._watched.items():
            training = layer.training
            layer.training = by_module.get(layer, training)
            found.append(describe(name, layer, registered=name in self._norms))
            layer.training = training
        return tuple(found)

    def _run(self, batch: Any) -> Any:
        batch = to_device(batch, self.device)
        try:
            return self._forward(self.model, batch)
        except UnusableInputError:
            raise
        except Exception as error:
            shapes = ", ".join(f"{tuple(tensor.shape)} {tensor.dtype}" for tensor in tensors_of(batch))
            raise UnusableInputError(
                f"the model refuses a batch of {shapes or type(batch).__name__}: {type(error).__name__}: {error}. "
                "Pass forward=lambda model, batch: ... if the model is called in another way"
            ) from error

    def _target(self, batch: Any) -> Any:
        batch = to_device(batch, self.device)
        return self.subject.target(batch) if self.subject.target else inputs_and_target(batch)[1]

    def _number(self, function: Callable[[Any, Any], Any], output: Any, target: Any, name: str) -> float:
        try:
            return float(function(output, target))
        except Exception as error:
            raise UnusableInputError(
                f"{name}(output, target) raised or gave no number: {type(error).__name__}: {error}"
            ) from error

    def _pieces(self, split: Split, samples: int | None) -> Iterator[Any]:
        for batch in self.data[split]:
            yield from [batch] if samples is None else split_batch(batch, samples)

    def _training_batches(self) -> list[Any]:
        train = self.data[Split.TRAIN]
        return [train[index % len(train)] for index in range(TRAIN_STEPS)]

    def _evaluation_split(self) -> Split:
        return Split.VALIDATION if self.has_validation else Split.TRAIN

    @contextmanager
    def _dropout(self, active: bool) -> Iterator[None]:
        layers = [module for module in self.model.modules() if isinstance(module, _DROPOUT)] if active else []
        for layer in layers:
            layer.train()
        try:
            yield
        finally:
            for layer in layers:
                layer.eval()


def _device(model: nn.Module, wanted: str | None) -> torch.device | None:
    if wanted is not None:
        try:
            device = torch.device(wanted)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            raise UnusableInputError(f"device {wanted!r} cannot be used: {error}") from error
        return device
    first = next(model.parameters(), next(model.buffers(), None))
    return None if first is None else first.device


def _largest(tensor: Tensor) -> float:
    if not tensor.is_floating_point() or tensor.numel() == 0:
        return 0.0
    value = float(tensor.detach().abs().max())
    return float("inf") if np.isnan(value) else value
