"""What a monitor costs, in shares of the training step: two copies of a training, step by step in turn.

One of the copies is monitored. Times are of the processor, since other work on the machine would be in those of the
clock; the share is taken over 200 steps on end, the distance of two judgements, so that a period holds one judgement,
one step that is watched call by call and all measurements; of the small network the median of nine periods is shown, of
the large one a single period. What happens once, at the start, stands apart.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

import steadynorm
from recalibration_setting import digits
from steadynorm.monitoring.session import BURST, JUDGE_EVERY

PERIODS = {"digits": 9, "ResNet-18 shape": 1}


class DigitsNet(nn.Module):
    """The network of the README's examples: three normalization layers."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.head = nn.Sequential(nn.Linear(256, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, 8, 8) to (N, 10)."""
        return self.head(self.convolutions(x))


class Block(nn.Module):
    """A basic block of He et al. (2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        inner = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.second_norm(self.second(inner)) + self.shortcut(x))


def resnet18() -> nn.Module:
    """ResNet-18 as it is built for small images: 20 normalization layers, 4800 channels, 11 million parameters."""
    widths = [(64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2)]
    blocks = [Block(*each) for each in [*widths, (512, 512, 1)]]
    stem = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


class Training:
    """A model that is trained step by step, monitored or not."""

    def __init__(self, model: nn.Module, batches: list[tuple[Tensor, Tensor]], options: dict[str, Any] | None) -> None:
        self.model, self.batches = model, cycle(batches)
        self.optimizer = torch.optim.SGD(model.parameters(), 0.01)
        self.monitor = None if options is None else steadynorm.Monitor(model, **options)

    def step(self) -> float:
        """Seconds of the processor that one step took."""
        start = time.process_time()
        x, y = next(self.batches)
        self.optimizer.zero_grad()
        loss = functional.cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        if self.monitor is not None:
            self.monitor.step(loss=loss)
        return time.process_time() - start


def pairs(build: Any, batches: list[Any], options: dict[str, Any]) -> Iterator[tuple[float, float]]:
    """The seconds of a plain and of a monitored step, in turn."""
    plain, monitored = Training(build(), batches, None), Training(build(), batches, options)
    while True:
        yield plain.step(), monitored.step()


def measure(title: str, build: Any, batches: list[Any], **options: Any) -> str:
    with tempfile.TemporaryDirectory() as folder:
        if options.pop("writes_events"):
            options["tensorboard"] = folder
        steps = pairs(build, batches, {"run": Path(folder) / "run.jsonl", **options})
        start = [next(steps) for _ in range(BURST + 1)]
        plain, ratios = [], []
        for _ in range(PERIODS[title]):
            period = [next(steps) for _ in range(JUDGE_EVERY)]
            plain += [each for each, _ in period]
            ratios.append(sum(each for _, each in period) / sum(each for each, _ in period) - 1)
    step = statistics.median(plain)
    once = sum(each for _, each in start) - sum(each for each, _ in start)
    spread = f"{100 * min(ratios):.2f} to {100 * max(ratios):.2f}"
    return f"{1e3 * step:.1f} ms | {100 * statistics.median(ratios):.2f} % | {spread} % | {1e3 * once:.0f} ms |"


def main(names: list[str]) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", steadynorm.TrainingWarning)
    data = digits()
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(0)).split(64)
    images = [(data.tensors[0][each], data.tensors[1][each]) for each in order[:-1]]
    generator = torch.Generator().manual_seed(0)
    # What a monitor does depends on the layers alone: smaller images make the step faster and its share larger.
    noise = [(torch.randn(8, 3, 8, 8, generator=generator), torch.arange(8)) for _ in range(4)]
    print("| network | measured every | step | share of the step | of periods | at the start |")
    print("|---|---|---:|---:|---:|---:|")
    for title, build, batches in (("digits", DigitsNet, images), ("ResNet-18 shape", resnet18, noise)):
        if title not in names:
            continue
        for every, writes_events in ((100, False), (1, False), (100, True)):
            row = measure(title, build, batches, every=every, writes_events=writes_events)
            what = f"{every} steps" if every > 1 else "step"
            print(f"| {title} | {what}{', event file too' if writes_events else ''} | {row}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(PERIODS))
