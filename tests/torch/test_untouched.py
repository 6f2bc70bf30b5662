"""The hard rule: after a diagnosis everything of the user's is bit for bit as before, also when a function raised."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

import steadynorm

LOSS = nn.CrossEntropyLoss()
NEEDS_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


class Net(nn.Module):
    """Two convolutions with normalization, dropout, a counter, and a buffer that forward writes in any mode."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Dropout(0.2))
        self.tail = nn.Sequential(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(128, 10))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.seen += len(x)
        return self.tail(self.body(x))


def accuracy(output: Tensor, target: Tensor) -> float:
    return float((output.argmax(1) == target).float().mean())


def evaluate(model: nn.Module, batches: list[Any]) -> float:
    model.eval()
    return float(np.mean([accuracy(model(x), y) for x, y in batches]))


def trained(train: list[Any], device: str = "cpu") -> tuple[Net, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = Net().to(device)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for x, y in train[:8]:
        optimizer.zero_grad()
        LOSS(model(x.to(device)), y.to(device)).backward()
        optimizer.step()
    return model, optimizer


def step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> Tensor:
    optimizer.zero_grad()
    loss = LOSS(model(batch[0]), batch[1])
    loss.backward()
    optimizer.step()
    return loss


def diagnosed(digits: Any, model: nn.Module, optimizer: torch.optim.Optimizer, batches: int = 4) -> steadynorm.Report:
    """A diagnosis with all that it can be given."""
    return steadynorm.diagnose(
        model,
        digits.train,
        digits.validation,
        batches=batches,
        loss=LOSS,
        metric=accuracy,
        train_step=step,
        optimizer=optimizer,
        evaluate=evaluate,
    )


class Snapshot:
    """Everything about a model, its optimizer and the random states, to be compared bit for bit."""

    HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")

    def __init__(self, model: nn.Module, *optimizers: torch.optim.Optimizer) -> None:
        self.model, self.optimizers = model, optimizers
        self.tensors = [(each, each.detach().clone(), each._version) for each in self._tensors()]
        self.gradients = [(each, each.grad, copy.deepcopy(each.grad)) for each in model.parameters()]
        self.modes = [module.training for module in model.modules()]
        self.attributes = [
            {name: value for name, value in vars(module).items() if name[0] != "_"} for module in model.modules()
        ]
        self.hooks = [{name: dict(getattr(module, name)) for name in self.HOOKS} for module in model.modules()]
        self.states = [copy.deepcopy(each.state_dict()) for each in optimizers]
        self.python, self.numpy, self.torch = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
        self.cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []

    def _tensors(self) -> list[Tensor]:
        return [*self.model.parameters(), *self.model.buffers()]

    def check(self) -> None:
        now = self._tensors()
        assert len(now) == len(self.tensors)
        for tensor, (original, value, version) in zip(now, self.tensors, strict=True):
            assert tensor is original
            assert same_bits(tensor, value)
            assert tensor._version == version  # not even written to: a graph may still wait for its backward
        for parameter, gradient, value in self.gradients:
            assert parameter.grad is gradient
            assert gradient is None or same_bits(gradient, value)
        assert [module.training for module in self.model.modules()] == self.modes
        for module, attributes, hooks in zip(self.model.modules(), self.attributes, self.hooks, strict=True):
            assert {name: value for name, value in vars(module).items() if name[0] != "_"} == attributes
            assert {name: dict(getattr(module, name)) for name in self.HOOKS} == hooks
        for optimizer, state in zip(self.optimizers, self.states, strict=True):
            assert_same(optimizer.state_dict(), state)
        assert random.getstate() == self.python
        assert_same(list(np.random.get_state()), list(self.numpy))  # noqa: NPY002
        assert torch.equal(torch.get_rng_state(), self.torch)
        assert_same(torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [], self.cuda)


def same_bits(first: Tensor, second: Tensor) -> bool:
    return first.dtype == second.dtype and first.detach().cpu().numpy().tobytes() == second.cpu().numpy().tobytes()


def assert_same(first: Any, second: Any) -> None:
    if isinstance(first, Tensor):
        assert same_bits(first, second)
    elif isinstance(first, np.ndarray):
        assert np.array_equal(first, second)
    elif isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_same(first[key], second[key])
    elif isinstance(first, list | tuple):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    else:
        assert first == second


@pytest.fixture(params=["train", "eval", "mixed"])
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


def put_in(model: Net, mode: str) -> None:
    model.train(mode != "eval")
    if mode == "mixed":
        model.body[1].eval()
        model.tail.eval()
        model.tail[1].train()


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=(pytest.mark.gpu, NEEDS_CUDA))])
def device(request: pytest.FixtureRequest) -> str:
    return request.param


def test_everything_is_as_before(digits: Any, mode: str, device: str) -> None:
    model, optimizer = trained(digits.train, device)
    put_in(model, mode)
    model.body[1].register_forward_hook(lambda module, inputs, output: None)
    model.tail.register_full_backward_hook(lambda module, inputs, outputs: None)
    before = Snapshot(model, optimizer)
    report = diagnosed(digits, model, optimizer)
    before.check()
    assert report.evidence.steps.parameters_moved
    assert report.evidence.steps.layers["body.1"].updates == (mode != "mixed")


@pytest.mark.gpu
@NEEDS_CUDA
def test_a_model_on_the_cpu_is_diagnosed_on_a_gpu(digits: Any) -> None:
    model, optimizer = trained(digits.train)
    before = Snapshot(model, optimizer)
    report = steadynorm.diagnose(
        model, digits.train, batches=4, loss=LOSS, train_step=step, optimizer=optimizer, device="cuda"
    )
    before.check()
    assert report.evidence.steps.parameters_moved


class Failing(Net):
    """A model that raises in one of its forward passes."""

    at = 10**9
    error: type[BaseException] = RuntimeError
    passes: Iterator[int]

    def forward(self, x: Tensor) -> Tensor:
        # Written before the failure, and random numbers drawn, so that there is something to put back.
        output = super().forward(x)
        random.random()
        np.random.rand()  # noqa: NPY002
        torch.rand(1)
        if next(type(self).passes) >= type(self).at:
            raise self.error("on purpose")
        return output


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("at", range(0, 34, 3))
def test_forward_raises_at_any_batch(digits: Any, at: int, error: type[BaseException]) -> None:
    model = Failing()
    model.load_state_dict(trained(digits.train)[0].state_dict())
    put_in(model, "mixed")
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 0.5)
    Failing.at, Failing.error, Failing.passes = at, error, iter(range(10**9))
    before = Snapshot(model, optimizer)
    with pytest.raises((steadynorm.UnusableInputError, KeyboardInterrupt)) as raised:
        diagnosed(digits, model, optimizer, batches=3)
    before.check()
    assert raised.type is (KeyboardInterrupt if error is KeyboardInterrupt else steadynorm.UnusableInputError)
    assert "on purpose" in str(raised.value)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "forward": lambda model, batch: model(batch[0]),
    "target": lambda batch: batch[1],
    "loss": lambda output, target: LOSS(output, target),
    "metric": accuracy,
    "train_step": step,
    "evaluate": evaluate,
}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize(
    ("name", "at"),
    [(name, at) for name in FUNCTIONS for at in ([0] if name == "evaluate" else [0, 1, 2, 4])],
)
def test_a_function_raises(digits: Any, name: str, at: int, error: type[BaseException]) -> None:
    model, optimizer = trained(digits.train)
    put_in(model, "mixed")
    functions: dict[str, Any] = dict(FUNCTIONS)
    calls = iter(range(10**9))

    def failing(*arguments: Any) -> Any:
        result = FUNCTIONS[name](*arguments)  # train_step and evaluate raise after having changed the model
        if next(calls) >= at:
            raise error("on purpose")
        return result

    functions[name] = failing
    before = Snapshot(model, optimizer)
    with pytest.raises((steadynorm.UnusableInputError, KeyboardInterrupt), match="on purpose") as raised:
        steadynorm.diagnose(model, digits.train, digits.validation, batches=3, optimizer=optimizer, **functions)
    before.check()
    assert raised.type is (KeyboardInterrupt if error is KeyboardInterrupt else steadynorm.UnusableInputError)


@pytest.mark.parametrize("shuffle", [False, True])
def test_generators_of_a_loader_are_as_before(digits: Any, shuffle: bool) -> None:
    x, y = torch.cat([x for x, _ in digits.train]), torch.cat([y for _, y in digits.train])
    own, base = torch.Generator().manual_seed(3), torch.Generator().manual_seed(4)
    data = TensorDataset(x, y)
    data.noise = np.random.default_rng(5)
    data.choice = random.Random(6)
    sampler = RandomSampler(data, generator=own) if shuffle else None
    loader = DataLoader(data, batch_size=64, sampler=sampler, generator=base)

    def states() -> list[Any]:
        return [own.get_state(), base.get_state(), data.noise.bit_generator.state, list(data.choice.getstate())]

    def forward(model: nn.Module, batch: Any) -> Tensor:
        return model(batch[0] + data.noise.normal() + data.choice.random())

    before = states()
    first = next(iter(loader))[1]
    own.set_state(before[0])
    base.set_state(before[1])
    steadynorm.diagnose(trained(digits.train)[0], loader, batches=3, loss=LOSS, forward=forward)
    assert_same(states(), before)
    assert torch.equal(next(iter(loader))[1], first)  # the next epoch is the one that it would have been


def test_a_loader_keeps_no_workers(digits: Any) -> None:
    x, y = torch.cat([x for x, _ in digits.train]), torch.cat([y for _, y in digits.train])
    loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)
    before = dict(vars(loader))
    steadynorm.diagnose(trained(digits.train)[0], loader, batches=2, loss=LOSS)
    assert vars(loader) == before


def test_batches_are_not_changed(digits: Any) -> None:
    batches = [{"x": x.clone(), "labels": y.clone()} for x, y in digits.train[:3]]
    saved = copy.deepcopy(batches)

    def forward(model: nn.Module, batch: Any) -> Tensor:
        batch.pop("labels")
        return model(batch["x"].sub_(0.5).mul_(2))

    def train_step(model: nn.Module, batch: Any) -> None:
        y = batch.pop("labels")
        LOSS(model(batch["x"].sub_(0.5)), y).backward()

    def evaluate(model: nn.Module, data: list[Any]) -> None:
        while data:
            model(data.pop()["x"].zero_())

    model, _ = trained(digits.train)
    report = steadynorm.diagnose(model, batches, loss=LOSS, forward=forward, train_step=train_step, evaluate=evaluate)
    assert_same(batches, saved)
    assert report.evidence.steps.steps == 5


def test_a_pending_backward_still_runs(digits: Any) -> None:
    model, optimizer = trained(digits.train)
    (x, y), optimizer_state = digits.train[0], copy.deepcopy(optimizer.state_dict())
    model.eval()
    loss = LOSS(model(x), y)
    expected = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
    steadynorm.diagnose(model, digits.train, batches=2, loss=LOSS, train_step=step, optimizer=optimizer)
    assert_same(list(torch.autograd.grad(loss, list(model.parameters()))), list(expected))
    assert_same(optimizer.state_dict(), optimizer_state)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_the_gradient_mode_around_it_is_kept(digits: Any, context: Callable[[], Any]) -> None:
    model, optimizer = trained(digits.train)

    def switching(model: nn.Module, batches: list[Any]) -> float:
        torch.set_grad_enabled(False)
        return evaluate(model, batches)

    with context():
        modes = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        report = steadynorm.diagnose(
            model, digits.train, batches=2, loss=LOSS, train_step=step, optimizer=optimizer, evaluate=switching
        )
        assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == modes
    assert report.evidence.steps.parameters_moved


def test_hooks_of_the_user_run_on_copies(digits: Any) -> None:
    model, _ = trained(digits.train)
    recorded: list[Tensor] = []
    handle = model.body[1].register_forward_hook(lambda module, inputs, output: recorded.append(output))
    steadynorm.diagnose(model, digits.train, batches=2, loss=LOSS)
    assert recorded == []
    model(digits.train[0][0])
    assert len(recorded) == 1
    handle.remove()
    model(digits.train[0][0])
    assert len(recorded) == 1


class Metric(nn.Module):
    """A metric with a state, as those of torchmetrics."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(()))

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        self.total += 1
        return (output.argmax(1) == target).float().mean()


def test_the_state_of_a_metric_is_as_before(digits: Any) -> None:
    model, _ = trained(digits.train)
    metric = Metric()
    steadynorm.diagnose(model, digits.train, batches=2, metric=metric)
    assert float(metric.total) == 0


def test_a_metric_on_nothing_has_no_gap(digits: Any) -> None:
    model, _ = trained(digits.train)
    before = Snapshot(model)
    report = steadynorm.diagnose(model, digits.train, batches=2)
    before.check()
    assert report.evidence.gap is None
