"""What a diagnosis accepts: layers of every kind, inputs of every form, data of every kind; and what it refuses."""

from __future__ import annotations

import copy
import threading
from collections import UserDict, namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import steadynorm
from steadynorm import UnusableInputError
from steadynorm.evidence import Mode, Split

LOSS = nn.CrossEntropyLoss()


def accuracy(output: Tensor, target: Tensor) -> Tensor:
    return (output.argmax(1) == target).float().mean()


def step(model: Any, optimizer: Any, batch: Any) -> Tensor:
    optimizer.zero_grad()
    loss = LOSS(model(batch[0]), batch[1])
    loss.backward()
    optimizer.step()
    return loss


class Frozen(nn.Module):
    """Statistics and affine part in buffers, as in torchvision and detectron2."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        bias = self.bias - self.running_mean * scale
        return x * scale.view(1, -1, 1, 1) + bias.view(1, -1, 1, 1)


class HandWritten(nn.Module):
    """Batch normalization written by hand, its statistics in the shape that they are broadcast in."""

    def __init__(self, channels: int, last: bool = False) -> None:
        super().__init__()
        self.axes = [0, 1, 2] if last else [0, 2, 3]
        shape = (channels,) if last else (1, channels, 1, 1)
        self.momentum = 0.1
        self.weight, self.bias = nn.Parameter(torch.ones(shape)), nn.Parameter(torch.zeros(shape))
        self.register_buffer("running_mean", torch.zeros(shape))
        self.register_buffer("running_var", torch.ones(shape))
        self.updates = 0

    def forward(self, x: Tensor) -> Tensor:
        mean, var = self.running_mean, self.running_var
        if self.training:
            var, mean = torch.var_mean(x, self.axes, correction=0, keepdim=True)
            mean, var = mean.view_as(self.running_mean), var.view_as(self.running_var)
            # Without detach(), as often written: the buffer becomes the result of a computation.
            self.running_mean = 0.9 * self.running_mean.detach() + 0.1 * mean
            self.running_var = 0.9 * self.running_var.detach() + 0.1 * var
            self.updates += 1
        return (x - mean) / torch.sqrt(var + 1e-5) * self.weight + self.bias


class ChannelsLast(HandWritten):
    def __init__(self, channels: int) -> None:
        super().__init__(channels, last=True)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Own(nn.modules.batchnorm._BatchNorm):
    def _check_input_dim(self, input: Tensor) -> None:
        pass


def network(norm: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), norm, nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))


def moments_by_hand(model: nn.Sequential, batches: list[Any]) -> tuple[Any, Any]:
    """Mean and corrected variance of what the normalization layer is fed."""
    with torch.no_grad():
        x = torch.cat([model[0](x) for x, _ in batches]).double()
    return x.mean((0, 2, 3)).numpy(), x.var((0, 2, 3), correction=1).numpy()


LAYERS: dict[str, Any] = {
    "plain": lambda: nn.BatchNorm2d(4),
    "without affine part": lambda: nn.BatchNorm2d(4, affine=False),
    "cumulative": lambda: nn.BatchNorm2d(4, momentum=None),
    "without statistics": lambda: nn.BatchNorm2d(4, track_running_stats=False),
    "synchronized": lambda: nn.SyncBatchNorm(4),
    "lazy": nn.LazyBatchNorm2d,
    "subclass": lambda: Own(4),
    "frozen": lambda: Frozen(4),
    "hand-written": lambda: HandWritten(4),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", LAYERS)
def test_layers(kind: str, training: bool, digits: Any) -> None:
    norm = LAYERS[kind]()
    model = network(norm).train(training)
    batches = digits.train[:4]
    lazy = kind == "lazy"
    optimizer = None if lazy else torch.optim.SGD(model.parameters(), 0.1)
    before = None if lazy else copy.deepcopy(model.state_dict())
    report = steadynorm.diagnose(
        model,
        batches,
        digits.validation,
        loss=LOSS,
        metric=accuracy,
        train_step=(lambda model, batch: LOSS(model(batch[0]), batch[1]).backward()) if lazy else step,
        optimizer=optimizer,
    )
    (layer,), (site,) = report.evidence.layers, report.evidence.calls
    assert layer.channels == 4
    assert (layer.mode is Mode.BATCH) == (
        not isinstance(norm, Frozen) and (training or getattr(norm, "running_mean", None) is None)
    )
    mean, variance = moments_by_hand(model, batches)
    # The layer's input is float32, whose sums over 9216 values are good to about 1e-6 of their size.
    np.testing.assert_allclose(site.moments[Split.TRAIN].mean, mean, atol=1e-6)
    np.testing.assert_allclose(site.moments[Split.TRAIN].variance, variance, rtol=1e-5)
    if isinstance(norm, Frozen):
        assert layer.frozen
    if before is not None:
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    else:
        assert nn.parameter.is_lazy(model[1].weight)
    assert [module.training for module in model.modules()] == [training] * 6
    assert report.evidence.steps.steps == 5


SHAPES: list[tuple[Any, tuple[int, ...]]] = [
    (lambda: nn.BatchNorm1d(3), (8, 3)),
    (lambda: nn.BatchNorm1d(3), (8, 3, 5)),
    (lambda: nn.BatchNorm2d(3), (8, 3, 5, 4)),
    (lambda: nn.BatchNorm3d(3), (8, 3, 4, 3, 2)),
    (nn.LazyBatchNorm1d, (8, 3, 5)),
    (nn.LazyBatchNorm3d, (8, 3, 4, 3, 2)),
    (lambda: nn.SyncBatchNorm(3), (8, 3, 5, 4)),
    (lambda: nn.InstanceNorm1d(3, track_running_stats=True), (8, 3, 5)),
    (lambda: nn.InstanceNorm2d(3, track_running_stats=True, affine=True), (8, 3, 5, 4)),
    (lambda: ChannelsLast(3), (8, 3, 5, 4)),
]


@pytest.mark.parametrize(("make", "shape"), SHAPES)
def test_shapes(make: Any, shape: tuple[int, ...]) -> None:
    norm = make()
    generator = torch.Generator().manual_seed(0)
    batches = [(2 * torch.randn(shape, generator=generator) + 1, torch.zeros(8, dtype=torch.int64)) for _ in range(4)]
    model = nn.Sequential(norm, nn.Flatten(), nn.LazyLinear(2))
    report = steadynorm.diagnose(
        model, batches, loss=LOSS, train_step=lambda model, batch: LOSS(model(batch[0]), batch[1]).backward()
    )
    (site,) = report.evidence.calls
    x = torch.cat([x for x, _ in batches]).double()
    axes = [axis for axis in range(x.dim()) if axis != 1]
    per_sample = (
        x.flatten(2).var(2, correction=1).mean(0) if isinstance(norm, nn.modules.instancenorm._InstanceNorm) else None
    )
    variance = x.var(axes, correction=1) if per_sample is None else per_sample
    np.testing.assert_allclose(site.moments[Split.TRAIN].mean, x.mean(axes).numpy(), rtol=1e-5)
    np.testing.assert_allclose(site.moments[Split.TRAIN].variance, variance.numpy(), rtol=1e-5)
    layer = report.evidence.steps.layers["0"]
    assert (layer.updates, layer.batch_uses) == (1, 1)


def test_instance_normalization_of_single_samples_and_single_pixels() -> None:
    model = nn.Sequential(nn.InstanceNorm2d(3, track_running_stats=True), nn.AdaptiveAvgPool2d(1))
    single = [(torch.rand(3, 4, 4), torch.zeros(3, dtype=torch.int64)) for _ in range(2)]
    assert steadynorm.diagnose(model, single, loss=lambda output, target: output.mean()).evidence.calls[0].moments
    pixels = [(torch.rand(4, 3, 1, 1), torch.zeros(4)) for _ in range(2)]
    report = steadynorm.diagnose(model, pixels, loss=lambda output, target: output.mean())
    assert report.evidence.layers[0].name == "0"


def test_a_last_batch_of_one_sample_and_one_pixel() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 8), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    batches = [(torch.rand(n, 1, 8, 8), torch.zeros(n, dtype=torch.int64)) for n in (4, 4, 1)]
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def evaluate(model: nn.Module, batches: list[Any]) -> None:
        for x, _ in batches:
            model.train()(x)

    report = steadynorm.diagnose(
        model, batches, batches, loss=LOSS, train_step=step, optimizer=optimizer, evaluate=evaluate
    )
    assert report.evidence.steps.failed_with_one_value == ("1",)
    assert report.evidence.evaluation.failed_with_one_value == ("1",)
    (site,) = report.evidence.calls
    assert site.moments[Split.TRAIN].batches == 3


def test_empty_batches_count_for_nothing() -> None:
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2))
    batches = [(torch.rand(n, 3), torch.zeros(n, dtype=torch.int64)) for n in (4, 0, 4)]
    report = steadynorm.diagnose(model, batches, metric=lambda output, target: len(output))
    assert report.evidence.calls[0].moments[Split.TRAIN].batches == 2


def test_call_sites(digits: Any) -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.head = nn.BatchNorm2d(1), nn.Linear(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.norm(3 * self.norm(x) + 1).flatten(1))

    model = Twice()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    report = steadynorm.diagnose(model, digits.train, batches=3, loss=LOSS, train_step=step, optimizer=optimizer)
    first, second = report.evidence.calls
    assert (first.index, second.index) == (0, 1)
    # The second is fed 3 y + 1, where y has mean 0 and variance 1 up to epsilon and rounding.
    np.testing.assert_allclose(second.moments[Split.TRAIN].mean, [1], atol=1e-5)
    np.testing.assert_allclose(second.moments[Split.TRAIN].variance, [9], rtol=1e-3)
    assert report.evidence.steps.layers["norm"].updates == 2


Pair = namedtuple("Pair", ["x", "y"])


@dataclass
class Record:
    x: Tensor
    y: Tensor
    path: str = "somewhere"


class Encoding(UserDict):  # type: ignore[type-arg]
    """A dict that is none, as the batches of transformers."""


class Shift(nn.Module):
    """Takes two inputs by position or by name."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = network(nn.BatchNorm2d(4))

    def forward(self, x: Tensor, shift: Tensor) -> Tensor:
        return self.net(x + shift.view(-1, 1, 1, 1))


FORMS = {
    "tensors": lambda x, y: ((x, torch.zeros(len(x))), y),
    "list": lambda x, y: [[x, torch.zeros(len(x))], y],
    "named": lambda x, y: Pair((x, torch.zeros(len(x))), y),
    "dict": lambda x, y: {"x": x, "shift": torch.zeros(len(x)), "labels": y},
    "encoding": lambda x, y: Encoding(x=x, shift=torch.zeros(len(x)), label=y),
    "dict of inputs": lambda x, y: ({"x": x, "shift": torch.zeros(len(x))}, y),
    "record": lambda x, y: Record(x, y),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_a_batch(form: str, digits: Any) -> None:
    reference = steadynorm.diagnose(Shift().net, digits.train, batches=2, loss=LOSS, metric=accuracy)
    functions: dict[str, Any] = {}
    if form == "record":
        functions = {
            "forward": lambda model, batch: model(batch.x, torch.zeros(len(batch.x))),
            "target": lambda batch: batch.y,
        }
    batches = [FORMS[form](x, y) for x, y in digits.train]
    report = steadynorm.diagnose(Shift(), batches, batches=2, loss=LOSS, metric=accuracy, **functions)
    assert report.evidence.gap.scores == reference.evidence.gap.scores
    assert report.evidence.samples == 64


class Stream(IterableDataset):  # type: ignore[type-arg]
    def __init__(self, pairs: list[Any]) -> None:
        self.pairs = pairs

    def __iter__(self) -> Iterator[Any]:
        for x, y in self.pairs:
            yield from zip(x, y, strict=True)


class Doubling(DataLoader):  # type: ignore[type-arg]
    """A loader that changes what it gives."""

    def __iter__(self) -> Iterator[Any]:
        for x, y in super().__iter__():
            yield 2 * x, y


def test_kinds_of_data(digits: Any) -> None:
    pairs = digits.train[:4]
    data = TensorDataset(torch.cat([x for x, _ in pairs]), torch.cat([y for _, y in pairs]))
    kinds = {
        "list": pairs,
        "tuple": tuple(pairs),
        "generator": (pair for pair in pairs),
        "loader": DataLoader(data, batch_size=64),
        "shuffled": DataLoader(data, batch_size=64, shuffle=True, generator=torch.Generator().manual_seed(0)),
        "stream": DataLoader(Stream(pairs), batch_size=64),
        "batches of batches": DataLoader(list(pairs), batch_size=None),
    }
    model = network(nn.BatchNorm2d(4))
    mean, _ = moments_by_hand(model, pairs)
    for batches in kinds.values():
        report = steadynorm.diagnose(model, batches, loss=LOSS)
        np.testing.assert_allclose(report.evidence.calls[0].moments[Split.TRAIN].mean, mean, atol=1e-6)
    report = steadynorm.diagnose(model, Doubling(data, batch_size=64), loss=LOSS)
    doubled, _ = moments_by_hand(model, [(2 * x, y) for x, y in pairs])
    np.testing.assert_allclose(report.evidence.calls[0].moments[Split.TRAIN].mean, doubled, atol=1e-6)


def test_autocast_inside_forward(digits: Any) -> None:
    def forward(model: nn.Module, batch: Any) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return model(batch[0]).float()

    model = network(nn.BatchNorm2d(4))
    report = steadynorm.diagnose(model, digits.train[:4], loss=LOSS, forward=forward)
    mean, _ = moments_by_hand(model, digits.train[:4])
    # bfloat16 keeps 8 bits.
    np.testing.assert_allclose(report.evidence.calls[0].moments[Split.TRAIN].mean, mean, atol=2**-8)
    assert not torch.is_autocast_enabled("cpu")


def test_float64(digits: Any) -> None:
    model = network(nn.BatchNorm2d(4)).double()
    batches = [(x.double(), y) for x, y in digits.train[:4]]
    report = steadynorm.diagnose(model, batches, loss=LOSS)
    with torch.no_grad():
        x = torch.cat([model[0](x) for x, _ in batches])
    np.testing.assert_allclose(
        report.evidence.calls[0].moments[Split.TRAIN].variance, x.var((0, 2, 3)).numpy(), rtol=1e-12
    )
    assert report.evidence.layers[0].statistics.dtype == "float64"


def test_a_model_without_parameters(digits: Any) -> None:
    model = nn.Sequential(nn.BatchNorm2d(1, affine=False, track_running_stats=False), nn.Flatten())
    report = steadynorm.diagnose(model, digits.train, batches=2, metric=lambda output, target: output.mean())
    assert report.evidence.layers[0].statistics is None


def test_a_layer_that_is_never_called(digits: Any) -> None:
    model = network(nn.BatchNorm2d(4))
    model.spare = nn.BatchNorm1d(3)
    report = steadynorm.diagnose(
        model,
        digits.train,
        batches=2,
        loss=LOSS,
        forward=lambda model, batch: nn.Sequential(*list(model)[:5])(batch[0]),
    )
    assert [site.layer for site in report.evidence.calls] == ["1"]
    assert [layer.name for layer in report.evidence.layers] == ["1", "spare"]


def test_a_model_without_normalization_layers(digits: Any) -> None:
    report = steadynorm.diagnose(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), digits.train, loss=LOSS)
    assert report.exit_status() == 3


class Uncopyable(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.BatchNorm2d(1))
        self.lock = threading.Lock()


class NeverCopies(nn.BatchNorm2d):
    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError("one of a kind")


def refused(digits: Any, model: Any = None, data: Any = None, **arguments: Any) -> str:
    with pytest.raises(UnusableInputError) as raised:
        steadynorm.diagnose(
            network(nn.BatchNorm2d(4)) if model is None else model,
            digits.train[:2] if data is None else data,
            **{"loss": LOSS, **arguments},
        )
    return str(raised.value)


def test_empty_data(digits: Any) -> None:
    assert refused(digits, data=[]) == "train_data is empty: expected an iterable that gives at least one batch"
    assert refused(digits, validation_data=iter(())).startswith("validation_data is empty")


def test_data_that_are_no_batches(digits: Any) -> None:
    x, y = digits.train[0]
    message = refused(digits, data=TensorDataset(x, y))
    assert message.startswith("train_data is a TensorDataset, a data set of single samples; expected batches: wrap")
    assert "train_data is one tensor of shape (64, 1, 8, 8)" in refused(digits, data=x)
    assert "train_data of the subject is a int" in refused(digits, data=5)


def test_a_number_of_batches_that_is_none(digits: Any) -> None:
    assert refused(digits, batches=0) == "batches=0: expected how many batches to sample, at least 1"


def test_data_that_raise(digits: Any) -> None:
    def data() -> Iterator[Any]:
        yield digits.train[0]
        raise OSError("no such image")

    assert refused(digits, data=data()) == "train_data raised while it was read: OSError: no such image"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite(digits: Any, value: float) -> None:
    x, y = digits.train[1]
    x = x.clone()
    x[7, 0, 2, 3] = x[9, 0, 0, 0] = value
    message = refused(digits, data=[digits.train[0], (x, y)])
    assert message.startswith("train_data holds 2 values that are NaN or Inf (batch 1, first in sample 7)")
    assert refused(digits, validation_data=[(x, y)]).startswith("validation_data holds 2 values")


def test_a_batch_that_the_model_refuses(digits: Any) -> None:
    message = refused(digits, data=[(torch.rand(2, 3, 8, 8), torch.zeros(2))])
    assert message.startswith("the model refuses a batch of (2, 3, 8, 8) float32, (2,) float32: RuntimeError: ")
    assert message.endswith("Pass forward=lambda model, batch: ... if the model is called in another way")


def test_functions_that_are_none(digits: Any) -> None:
    assert refused(digits, loss="mse") == "loss of the subject is a str; expected a function"
    assert refused(digits, metric=0.5) == "metric of the subject is a float; expected a function"


def test_a_metric_that_gives_no_number(digits: Any) -> None:
    message = refused(digits, metric=lambda output, target: output)
    assert message == (
        "metric(output, target) gave a Tensor of (64, 10) float32; expected one number, averaged over the batch "
        "(the output is a Tensor of (64, 10) float32, the target a Tensor of (64,) int64)"
    )
    assert "gave a dict of no tensors; expected one number" in refused(digits, metric=lambda output, target: {})
    assert "gave a NoneType" in refused(digits, metric=lambda output, target: None)


def test_a_loss_without_targets(digits: Any) -> None:
    message = refused(digits, data=[x for x, _ in digits.train[:2]])
    assert message.startswith("loss(output, target) raised")
    assert message.endswith("the target None); pass target=lambda batch: ... to say where the targets are")


def test_a_target_that_raises(digits: Any) -> None:
    message = refused(digits, target=lambda batch: batch["y"])
    assert message.startswith("target(batch) raised TypeError: tuple indices")
    assert "here a tuple of (64, 1, 8, 8) float32, (64,) int64" in message


def test_models_that_cannot_be_copied(digits: Any) -> None:
    message = refused(digits, model=Uncopyable())
    assert message.startswith("the model (Uncopyable) cannot be copied, and the original is never run: TypeError: ")
    message = refused(digits, model=network(NeverCopies(4)))
    assert "TypeError: one of a kind. Give the class a __deepcopy__" in message


def test_a_device_that_is_none(digits: Any) -> None:
    assert refused(digits, device="gpu").startswith("device 'gpu' cannot be used: ")


def test_an_object_that_is_no_model(digits: Any) -> None:
    assert refused(digits, model={"a": 1}) == (
        "the model is a builtins.dict; expected a torch.nn.Module, a keras.Model (of Keras 3) or, for a graph of "
        "TensorFlow, a steadynorm.tensorflow.GraphSubject"
    )


def test_a_train_step_that_raises(digits: Any) -> None:
    message = refused(digits, train_step=lambda model, optimizer, batch: None)
    assert message.startswith("train_step raised at batch 0: TypeError: ")
    assert "It is called as train_step(model, batch)" in message
