"""Every form of a train step trains the copy, whatever way it reaches its optimizer, and never the original."""

from __future__ import annotations

import copy
import functools
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import steadynorm
from steadynorm.torch.copying import Copier, unwrap

LOSS = nn.CrossEntropyLoss()
HELD: dict[str, Any] = {}
MODEL: Any = None
OPTIMIZER: Any = None
SCALER: Any = None


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))


@pytest.fixture
def model() -> nn.Sequential:
    return network()


@pytest.fixture
def optimizer(model: nn.Module) -> torch.optim.Optimizer:
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    for parameter in model.parameters():  # an optimizer that was used, and gradients that a wrong step would apply
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return optimizer


def saved(model: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> Any:
    state = None if optimizer is None else optimizer.state_dict()
    gradients = [parameter.grad for parameter in model.parameters()]
    return copy.deepcopy([model.state_dict(), gradients, state, [module.training for module in model.modules()]])


def same(first: Any, second: Any) -> bool:
    if isinstance(first, Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def trains_the_copy(
    model: nn.Module, train_step: Callable[..., Any], batches: list[Any], optimizer: Any = None
) -> steadynorm.Report:
    """Diagnoses, and checks that the copy was trained, once per step, with the statistics of its own batches."""
    before = saved(model, optimizer)
    report = steadynorm.diagnose(model, batches, batches=2, loss=LOSS, train_step=train_step, optimizer=optimizer)
    assert same(saved(model, optimizer), before)
    steps = report.evidence.steps
    assert steps.parameters_moved
    layer = next(iter(steps.layers.values()))
    assert layer.updates == 1
    assert layer.batch_uses == 1
    assert layer.decay == pytest.approx(0.9, abs=1e-3)
    return report


def advance(model: Any, optimizer: Any, batch: Any) -> Tensor:
    optimizer.zero_grad()
    loss = LOSS(model(batch[0]), batch[1])
    loss.backward()
    optimizer.step()
    return loss


def test_an_optimizer_that_is_passed_along(model: Any, optimizer: Any, digits: Any) -> None:
    trains_the_copy(model, advance, digits.train, optimizer)


def test_an_optimizer_in_a_closure(model: Any, optimizer: Any, digits: Any) -> None:
    def train_step(model: Any, batch: Any) -> Tensor:
        return advance(model, optimizer, batch)

    trains_the_copy(model, train_step, digits.train)


def test_an_optimizer_among_the_globals(
    model: Any, optimizer: Any, digits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "OPTIMIZER", optimizer)
    trains_the_copy(model, step_with_globals, digits.train)
    assert OPTIMIZER is optimizer


def step_with_globals(model: Any, batch: Any) -> Tensor:
    return advance(model, OPTIMIZER, batch)


def test_globals_in_helpers_of_helpers(model: Any, optimizer: Any, digits: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(globals(), "OPTIMIZER", optimizer)
    monkeypatch.setitem(globals(), "MODEL", model)
    trains_the_copy(model, step_with_helpers, digits.train)


def step_with_helpers(_: Any, batch: Any) -> None:
    def inner() -> None:
        update(batch)

    inner()


def update(batch: Any) -> None:
    OPTIMIZER.zero_grad()
    LOSS(MODEL(batch[0]), batch[1]).backward()
    finish()


def finish() -> None:
    OPTIMIZER.step()


def test_globals_that_the_step_rebinds_are_seen_by_its_helpers(model: Any, optimizer: Any, digits: Any) -> None:
    HELD.clear()
    namespace: dict[str, Any] = {"__name__": "script", "optimizer": optimizer, "LOSS": LOSS, "count": 0, "seen": HELD}
    source = """
def helper():
    seen[count] = True

def train_step(model, batch):
    global count
    count += 1
    helper()
    optimizer.zero_grad()
    LOSS(model(batch[0]), batch[1]).backward()
    optimizer.step()
    assert len(seen) == count
"""
    exec(source, namespace)
    trains_the_copy(model, namespace["train_step"], digits.train)
    assert namespace["count"] == 0
    assert HELD == {}


class Trainer:
    """Holds everything, as most training scripts do."""

    def __init__(self, model: Any, optimizer: Any) -> None:
        self.model, self.optimizer = model, optimizer
        self.losses: list[float] = []
        self.steps = 0
        self.lock = threading.Lock()
        self.last: Tensor | None = LOSS(model(torch.zeros(2, 1, 8, 8)), torch.zeros(2, dtype=torch.int64))
        self.callbacks = [Callback(self)]

    def step(self, model: Any, batch: Any) -> Tensor:
        return self.run(batch)

    def run(self, batch: Any) -> Tensor:
        with self.lock:
            self.last = advance(self.model, self.optimizer, batch)
        self.losses.append(float(self.last.detach()))
        self.steps += 1
        for callback in self.callbacks:
            callback.after_step()
        return self.last

    def __call__(self, model: Any, batch: Any) -> Tensor:
        return self.run(batch)


class Callback:
    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.calls = 0

    def after_step(self) -> None:
        assert len(self.trainer.losses) == self.trainer.steps
        self.calls += 1


@pytest.mark.parametrize("form", ["method", "object", "partial", "lambda"])
def test_an_object_that_holds_everything(form: str, model: Any, optimizer: Any, digits: Any) -> None:
    trainer = Trainer(model, optimizer)
    forms: dict[str, Callable[..., Any]] = {
        "method": trainer.step,
        "object": trainer,
        "partial": functools.partial(Trainer.step, trainer),
        "lambda": lambda model, batch: trainer.step(model, batch),
    }
    trains_the_copy(model, forms[form], digits.train)
    assert (trainer.losses, trainer.steps, trainer.callbacks[0].calls) == ([], 0, 0)


class GlobalTrainer:
    """An object whose methods reach for globals."""

    def __call__(self, model: Any, batch: Any) -> Tensor:
        return self.step(model, batch)

    def step(self, model: Any, batch: Any) -> Tensor:
        return advance(model, OPTIMIZER, batch)


class ChildTrainer(GlobalTrainer):
    def step(self, model: Any, batch: Any) -> Tensor:
        OPTIMIZER.zero_grad()
        return super().step(model, batch)


@pytest.mark.parametrize("kind", [GlobalTrainer, ChildTrainer])
@pytest.mark.parametrize("form", ["method", "object"])
def test_methods_that_use_globals(
    kind: Any, form: str, model: Any, optimizer: Any, digits: Any, monkeypatch: Any
) -> None:
    monkeypatch.setitem(globals(), "OPTIMIZER", optimizer)
    trainer = kind()
    if kind is ChildTrainer:  # super() reaches the base class's own method: its optimizer cannot be followed
        before = saved(model, optimizer)
        with pytest.raises(steadynorm.UnusableInputError, match="was put back"):
            steadynorm.diagnose(model, digits.train, batches=2, train_step=trainer.step)
        assert same(saved(model, optimizer), before)
    else:
        trains_the_copy(model, trainer.step if form == "method" else trainer, digits.train)


def test_a_partial_with_keywords(model: Any, optimizer: Any, digits: Any) -> None:
    def train_step(model: Any, batch: Any, *, using: Any) -> Tensor:
        return advance(model, using["optimizer"], batch)

    trains_the_copy(model, functools.partial(train_step, using={"optimizer": optimizer}), digits.train)


def test_an_optimizer_as_a_default(model: Any, optimizer: Any, digits: Any) -> None:
    def train_step(model: Any, batch: Any, optimizer: Any = optimizer, *, other: Any = optimizer) -> Tensor:
        assert optimizer is other
        return advance(model, optimizer, batch)

    trains_the_copy(model, train_step, digits.train)


def test_a_decorated_step(model: Any, optimizer: Any, digits: Any) -> None:
    def logged(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*arguments: Any) -> Any:
            return function(*arguments)

        return wrapper

    @logged
    @torch.enable_grad()
    def train_step(model: Any, batch: Any) -> Tensor:
        return advance(model, optimizer, batch)

    trains_the_copy(model, train_step, digits.train)


def test_a_captured_model_is_bound_to_the_copy(model: Any, optimizer: Any, digits: Any) -> None:
    def train_step(_: Any, batch: Any) -> Tensor:
        return advance(model, optimizer, batch)

    trains_the_copy(model, train_step, digits.train)


def test_captured_parts_of_the_model_are_those_of_the_copy(model: Any, optimizer: Any, digits: Any) -> None:
    norm, parameters = model[1], list(model.parameters())

    def train_step(given: Any, batch: Any) -> Tensor:
        assert norm is given[1]
        assert all(one is other for one, other in zip(parameters, given.parameters(), strict=True))
        loss = advance(given, optimizer, batch)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        return loss

    trains_the_copy(model, train_step, digits.train)


def test_schedulers_scalers_and_averages(model: Any, optimizer: Any, digits: Any) -> None:
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.9**epoch)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=1)
    average = torch.optim.swa_utils.AveragedModel(model)
    average.update_parameters(model)
    history: list[float] = []
    generator = torch.Generator().manual_seed(1)

    def train_step(model: Any, batch: Any) -> Tensor:
        noise = torch.rand(1, generator=generator)
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = LOSS(model(batch[0] + 0.1 * noise), batch[1])
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        average.update_parameters(model)
        history.append(float(loss.detach()))
        return loss

    state = generator.get_state()
    before = copy.deepcopy([scheduler.state_dict(), scaler.state_dict(), saved(average)])
    trains_the_copy(model, train_step, digits.train)
    assert same([scheduler.state_dict(), scaler.state_dict(), saved(average)], before)
    assert torch.equal(generator.get_state(), state)
    assert history == []


def test_a_fresh_scheduler_does_not_warn(model: Any, digits: Any) -> None:
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)

    def train_step(model: Any, optimizer: Any, batch: Any) -> Tensor:
        loss = advance(model, optimizer, batch)
        scheduler.step()
        return loss

    trains_the_copy(model, train_step, digits.train, optimizer)
    assert scheduler.last_epoch == 0


class Sharpness(torch.optim.Optimizer):
    """An optimizer around another one, as SAM and Lookahead are."""

    def __init__(self, parameters: Any, base: type[torch.optim.Optimizer], **options: Any) -> None:
        super().__init__(parameters, options)
        self.base = base(self.param_groups, **options)
        self.param_groups = self.base.param_groups

    def step(self, closure: Any = None) -> None:
        self.base.step()


def test_an_optimizer_around_another(model: Any, digits: Any) -> None:
    trains_the_copy(model, advance, digits.train, Sharpness(model.parameters(), torch.optim.SGD, lr=0.1))


def test_more_parameters_than_the_model_has(model: Any, digits: Any) -> None:
    centers = nn.Parameter(torch.zeros(10))
    optimizer = torch.optim.SGD([*model.parameters(), centers], 0.1)

    def train_step(model: Any, batch: Any) -> None:
        optimizer.zero_grad()
        LOSS(model(batch[0]) + centers, batch[1]).backward()
        assert centers.grad is not None
        optimizer.step()

    trains_the_copy(model, train_step, digits.train)
    assert centers.grad is None
    assert torch.equal(centers, torch.zeros(10))


def test_what_cannot_be_followed_is_put_back(model: Any, optimizer: Any, digits: Any, monkeypatch: Any) -> None:
    module = types.ModuleType("state_of_a_script")
    module.model, module.optimizer = model, optimizer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "state_of_a_script", module)

    def train_step(_: Any, batch: Any) -> Tensor:
        import state_of_a_script as state

        state.model.eval()
        return advance(state.model, state.optimizer, batch)

    before = saved(model, optimizer)
    gradients = [parameter.grad for parameter in model.parameters()]
    buffer = next(iter(optimizer.state.values()))["momentum_buffer"]
    with pytest.raises(steadynorm.UnusableInputError, match=r"changed the mode of module '' of the original"):
        steadynorm.diagnose(model, digits.train, batches=2, loss=LOSS, train_step=train_step)
    assert same(saved(model), [*before[:2], None, *before[3:]])
    assert all(one.grad is other for one, other in zip(model.parameters(), gradients, strict=True))
    assert buffer is next(iter(optimizer.state.values()))["momentum_buffer"]

    # The optimizer's own state is put back, too, where the diagnosis knows the optimizer.
    optimizer.load_state_dict(copy.deepcopy(before[2]))
    with pytest.raises(steadynorm.UnusableInputError, match="was put back"):
        steadynorm.diagnose(
            model, digits.train, batches=2, train_step=lambda m, o, b: train_step(m, b), optimizer=optimizer
        )
    assert same(saved(model, optimizer), before)


def test_layers_outside_of_the_model_are_copied(digits: Any) -> None:
    outside = nn.BatchNorm2d(4)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 4, 3), nn.Linear(144, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(outside(self.conv(x)).flatten(1))

    model = Net()
    optimizer = torch.optim.SGD([*model.parameters(), *outside.parameters()], 0.1)
    before = saved(outside)
    version = outside.running_mean._version
    report = trains_the_copy(model, advance, digits.train, optimizer)
    assert same(saved(outside), before)
    assert outside.running_mean._version == version
    assert not report.evidence.layers[0].registered


def test_functions_set_on_a_module_run_the_copy(digits: Any) -> None:
    model = network()
    model.forward = lambda x: nn.Sequential.forward(model, x)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    trains_the_copy(model, advance, digits.train, optimizer)


def test_weight_norm_and_other_results_of_computations_are_copied(digits: Any) -> None:
    model = network()
    with pytest.warns(FutureWarning):
        model[0] = nn.utils.weight_norm(model[0])
    model.register_buffer("last", model[4].weight.sum())
    model.seen = [model[4].weight * 2]
    optimizer = torch.optim.SGD([each for each in model.parameters() if each.is_leaf], 0.1)
    trains_the_copy(model, advance, digits.train, optimizer)


def test_one_original_has_one_copy(model: Any, optimizer: Any) -> None:
    copier = Copier(model)
    trainer = Trainer(model, optimizer)
    copied = copier.copy(trainer)
    assert copied.model is copier.model is not model
    assert copied.optimizer is copier.copy(optimizer) is not optimizer
    assert copied.callbacks[0].trainer is copied
    assert copied.lock is trainer.lock
    mine = [parameter for group in copied.optimizer.param_groups for parameter in group["params"]]
    assert all(one is other for one, other in zip(mine, copier.model.parameters(), strict=True))
    assert list(copied.optimizer.state) == mine
    assert same(copied.optimizer.state_dict(), optimizer.state_dict())


def test_data_are_shared(model: Any, digits: Any) -> None:
    data = torch.utils.data.TensorDataset(digits.train[0][0])
    loader = torch.utils.data.DataLoader(data)
    assert Copier(model).copy([data, loader]) == [data, loader]


def test_attributes_of_parameters_are_copied(model: Any) -> None:
    model[0].weight.no_decay = True
    assert Copier(model).model[0].weight.no_decay


def test_unwrap(model: Any) -> None:
    assert unwrap(nn.DataParallel(torch.compile(model, backend="eager"))) is model
    assert unwrap(model) is model
