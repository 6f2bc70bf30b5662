"""A PyTorch model under measurement: a copy, sampled batches, and passes over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from steadynorm.drawing.network import Network
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import CallSite, Evaluation, Layer, Mode, SampledMoments, Split, TrainSteps, WeightSource
from steadynorm.leftovers import divided
from steadynorm.live import Override
from steadynorm.passes import Pass, Site
from steadynorm.subject import Subject
from steadynorm.torch.batches import check_finite, fresh, sample, sample_count, split_batch, tensors_of
from steadynorm.torch.calling import Calling
from steadynorm.torch.copying import Copier, unwrap
from steadynorm.torch.dataflow import Recorder
from steadynorm.torch.execution import check_has_values, device_of, plain_execution
from steadynorm.torch.layers import check_watchable, describe, normalization_layers, unregistered_layers
from steadynorm.torch.network import traced_network
from steadynorm.torch.observation import Watch, watch_strays
from steadynorm.torch.originals import originals_kept
from steadynorm.torch.source import weight_source
from steadynorm.torch.state import gradients_kept, hooks, layers_kept, modes_kept, random_states_kept
from steadynorm.torch.steps import run_evaluation, run_train_step

TRAIN_STEPS = 5
"""How many times the train step is run."""

_DROPOUT = nn.modules.dropout._DropoutNd


@contextmanager
def opened(subject: Subject, *, batches: int, device: str | None = None) -> Iterator[TorchLive]:
    """A `TorchLive` over `subject`; what is the user's is as before at the end, whatever happens."""
    with (
        random_states_kept(subject.train_data, subject.validation_data),
        originals_kept(subject.model, subject.optimizer),
        plain_execution(),
    ):
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
        check_watchable(subject.model)
        check_has_values(unwrap(subject.model))
        self._wanted = device
        self.device = device_of(unwrap(subject.model), device)
        self.data = {Split.TRAIN: self._sampled(subject.train_data, batches, "train_data")}
        self.has_validation = subject.validation_data is not None
        if subject.validation_data is not None:
            self.data[Split.VALIDATION] = self._sampled(subject.validation_data, batches, "validation_data")
        copier = self._copier()
        self.model, self._copier_of_model = copier.model, copier
        self._calling = Calling(subject, copier, self.device)
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

    def left_out(self) -> Mapping[str, str]:
        """See `Live`: every layer that is found is watched."""
        return {}

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
                target = self._calling.target(batch)
                weights.append(sample_count(batch))
                if self.subject.loss is not None:
                    losses.append(self._calling.number("loss", output, target))
                if self.subject.metric is not None:
                    metrics.append(self._calling.number("metric", output, target))
                largest = max([largest, *(_largest(tensor) for tensor in tensors_of(output))])
        return Pass(losses, metrics, weights, seen.sampled(), tuple(seen.batch_layers), seen.values, largest)

    def chains(self) -> Mapping[Site, CallSite]:
        """See `Live`."""
        recorder = Recorder(self.model, self._watched)
        copier, batch = self._copier_of_model, fresh(self.data[Split.TRAIN][0], self.device)
        forward = self._calling.forward
        with Watch(self._watched)(), torch.no_grad():
            try:
                recorder.record(lambda: forward(copier.handed_over, batch), self._watched.items())
            except Exception:  # code that runs alone but not under a recorder has no chains; nothing else needs them
                return {}
        return recorder.chains()

    def network(self) -> Network:
        """See `Live`."""
        recorder = Recorder(self.model, self._watched)
        copier, batch = self._copier_of_model, fresh(self.data[Split.TRAIN][0], self.device)
        forward = self._calling.forward
        with Watch(self._watched)(), torch.enable_grad():
            try:
                output = recorder.record(lambda: forward(copier.handed_over, batch), self._watched.items())
            except Exception as error:
                raise UnusableInputError(
                    f"the model runs, but not while its operations are recorded: {type(error).__name__}: {error}. "
                    "Draw what torch.export.export gives of it: steadynorm graph model.pt2"
                ) from error
        return traced_network(recorder, self.model, self._watched, batch, output)

    def steps(self) -> TrainSteps | None:
        """See `Live`."""
        if self.subject.train_step is None:
            return None
        copier = self._copier()
        self._give_sizes(copier)
        copier.model.train(self._modes[0])
        for module, training in zip(copier.model.modules(), self._modes, strict=True):
            module.training = training
        batches = [fresh(batch, self.device) for batch in self._training_batches()]
        with self._layers_of(copier) as layers:
            taken = run_train_step(copier, layers, self.subject.train_step, self.subject.optimizer, batches)
            return replace(taken, moments=self._moments(copier, layers))

    def _moments(self, copier: Copier, layers: Mapping[str, nn.Module]) -> dict[Site, SampledMoments]:
        """What the call sites of a trained copy are fed in batch mode."""
        copier.model.eval()
        watch = Watch(layers, batch=True, observe=True)
        with watch() as seen, torch.no_grad():
            for batch in self.data[Split.TRAIN]:
                watch.begin_forward()
                self._run(batch, copier)
        return seen.sampled()

    def evaluate(self) -> Evaluation | None:
        """See `Live`."""
        if self.subject.evaluate is None:
            return None
        taken = self._evaluated(self.subject.evaluate, in_inference=False)
        if taken.result is None or not taken.batch_layers:
            return taken
        again = self._evaluated(self.subject.evaluate, in_inference=True)
        return replace(taken, inference_result=again.result)

    def _evaluated(self, evaluate: Callable[..., Any], *, in_inference: bool) -> Evaluation:
        copier = self._copier()
        self._give_sizes(copier)
        batches = [fresh(batch, self.device) for batch in self.data[self._evaluation_split()]]
        with self._layers_of(copier) as layers, hooks(_kept_in_inference(layers) if in_inference else ()):
            return run_evaluation(copier, layers, evaluate, batches)

    @contextmanager
    def _layers_of(self, copier: Copier) -> Iterator[dict[str, nn.Module]]:
        """The layers that a copy uses; those outside of it may be the user's own and are put back at the end."""
        strays = {name: copier.counterpart(self._copier_of_model, layer) for name, layer in self._strays.items()}
        with layers_kept(strays.values()), gradients_kept(strays.values()):
            yield {**normalization_layers(copier.model), **dict(unregistered_layers(copier.model)), **strays}

    def _sampled(self, data: Any, batches: int, name: str) -> list[Any]:
        try:
            found = sample(data, batches, name)
        except UnusableInputError:
            raise
        except Exception as error:
            raise UnusableInputError(f"{name} raised while it was read: {type(error).__name__}: {error}") from error
        for index, batch in enumerate(found):
            check_finite(batch, name, index)
        if not any(map(sample_count, found)):
            raise UnusableInputError(f"{name} holds no samples: all of its {len(found)} batches are empty")
        return found

    def _copier(self) -> Copier:
        copier = Copier(self.subject.model)
        if self._wanted is not None:  # else the model stays where it is, which may be on several devices
            copier.model.to(self.device)
        return copier

    def _give_sizes(self, copier: Copier) -> None:
        """Runs one batch where layers are lazy: without a size they have no statistics that could be watched."""
        model = copier.model
        if any(map(is_lazy, [*model.parameters(), *model.buffers()])):
            with modes_kept(model), torch.no_grad():
                model.eval()
                self._run(self.data[Split.TRAIN][0], copier)

    def _try_first_batch(self) -> dict[str, nn.Module]:
        """Runs one batch to find out what the model refuses, and which layers outside of it it uses."""
        with torch.no_grad(), watch_strays(self._unregistered, self.model) as strays:
            output = self._run(self.data[Split.TRAIN][0])
        target = self._calling.target(self.data[Split.TRAIN][0])
        for name in ("loss", "metric"):
            if getattr(self.subject, name) is not None:
                self._calling.number(name, output, target)
        return dict(strays)

    def _describe(self) -> tuple[Layer, ...]:
        by_module = dict(zip(self.model.modules(), self._modes, strict=True))
        found = []
        for name, layer in self._watched.items():
            training = layer.training
            layer.training = by_module.get(layer, training)
            found.append(describe(name, layer, registered=name in self._norms))
            layer.training = training
        return tuple(found)

    def _run(self, batch: Any, copier: Copier | None = None) -> Any:
        """Runs the model, or another copy of it, on a batch of its own."""
        calling = self._calling if copier is None else Calling(self.subject, copier, self.device)
        return calling.run(batch)

    def _pieces(self, split: Split, samples: int | None) -> Iterator[Any]:
        for batch in self.data[split]:
            yield from [batch] if samples is None else split_batch(batch, samples)

    def _training_batches(self) -> list[Any]:
        train = divided(self.data[Split.TRAIN], self._layers, sample_count)
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


def _kept_in_inference(layers: Mapping[str, nn.Module]) -> Iterator[Any]:
    """Hooks under which layers normalize by their stored statistics whatever mode the user's code puts them in."""

    def before(layer: nn.Module, _: Any) -> None:
        layer.training = False

    for layer in layers.values():
        yield layer.register_forward_pre_hook(before)


def _largest(tensor: Tensor) -> float:
    if not tensor.is_floating_point() or tensor.numel() == 0:
        return 0.0
    value = float(tensor.detach().abs().max())
    return float("inf") if np.isnan(value) else value
