"""The demonstration's network: small, residual, normalized after every 3×3 convolution; and how it is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LinearLR

from steadynorm.torch.demo.data import Batches

WIDTH = 24
EPOCHS = 8

TrainStep: TypeAlias = Callable[[nn.Module, Optimizer, Any], float]


class Residual(nn.Module):
    """Two normalized convolutions around a shortcut."""

    def __init__(self, channels: int, out_channels: int, stride: int, momentum: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels, momentum=momentum)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels, momentum=momentum)
        same = channels == out_channels and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels, out_channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to (N, out_channels, H / stride, W / stride)."""
        inner = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(inner)) + self.shortcut(x))


class Network(nn.Module):
    """A stem, two residual blocks, the mean over positions, and a linear head."""

    def __init__(self, momentum: float = 0.1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, WIDTH, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(WIDTH, momentum=momentum)
        self.block1 = Residual(WIDTH, WIDTH, 1, momentum)
        self.block2 = Residual(WIDTH, 2 * WIDTH, 2, momentum)
        self.head = nn.Linear(2 * WIDTH, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 1, 8, 8) to logits (N, 10)."""
        features = self.block2(self.block1(functional.relu(self.norm(self.conv(images)))))
        return self.head(features.mean((2, 3)))  # type: ignore[no-any-return]


class TwoInputs(nn.Module):
    """One network per kind of input; they may be the same network."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, images: Tensor, photographs: Tensor) -> Tensor:
        """Twice (N, 1, 8, 8) to logits (2 N, 10)."""
        return torch.cat([self.first(images), self.second(photographs)])


def new_network(momentum: float = 0.1) -> Network:
    """An untrained network, the same one every time; the global random state stays as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return Network(momentum)


def inputs_of(batch: Any) -> tuple[Tensor, ...]:
    """What the model is called with."""
    return batch[0] if isinstance(batch[0], tuple) else (batch[0],)


def train_step(model: nn.Module, optimizer: Optimizer, batch: Any) -> float:
    """One ordinary step; gives the accuracy on the batch, as a training log has it."""
    output = model(*inputs_of(batch))
    return learn(output, optimizer, batch)


def learn(output: Tensor, optimizer: Optimizer, batch: Any) -> float:
    """Steps down the gradient of the loss of `output`; gives its accuracy."""
    optimizer.zero_grad()
    functional.cross_entropy(output, batch[1]).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return accuracy(output, batch[1])


def train(model: nn.Module, batches: Batches, step: TrainStep = train_step) -> tuple[Optimizer, float]:
    """Trains a model; gives the optimizer and the accuracy over the last epoch, in training mode."""
    optimizer = Adam(model.parameters(), 3e-3)
    schedule = LinearLR(optimizer, 1.0, 0.05, total_iters=EPOCHS - 1)
    model.train()
    log: list[float] = []
    for _ in range(EPOCHS):
        log = [step(model, optimizer, batch) for batch in batches]
        schedule.step()
    sizes = [len(labels) for _, labels in batches]
    return optimizer, sum(right * size for right, size in zip(log, sizes, strict=True)) / sum(sizes)


def evaluate(model: nn.Module, batches: Batches) -> float:
    """The accuracy in inference mode."""
    model.eval()
    with torch.no_grad():
        right = sum(accuracy(model(*inputs_of(batch)), batch[1]) * len(batch[1]) for batch in batches)
    return right / sum(len(labels) for _, labels in batches)


def accuracy(output: Tensor, labels: Tensor) -> float:
    """The share of samples whose largest logit is that of the label."""
    return float((output.argmax(1) == labels).float().mean())
