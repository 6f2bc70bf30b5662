"""What a live diagnosis costs, in inference passes over the batches that it samples; the remedies stand apart.

One inference pass is the plain model over all sampled batches of both splits, in inference mode and without gradients.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from recalibration_setting import BATCH, ConvNet, digits, patches, trained
from steadynorm.diagnosis import diagnose
from steadynorm.evidence import Split
from steadynorm.scoring import Yardstick
from steadynorm.subject import Subject
from steadynorm.torch.live import opened

BATCHES = 20
ROUNDS = 5
REMEDIES = "remedies"


class Clock:
    """A stage display that notes when each stage began."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.began: dict[str, float] = {}

    def __call__(self, stage: str, done: float = 0.0, total: float | None = None) -> None:
        """Notes the time."""
        self.began.setdefault(stage, time.perf_counter() - self.start)


def accuracy(output: Tensor, target: Tensor) -> Tensor:
    return (output.argmax(1) == target).float().mean()


def train_step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> None:
    optimizer.zero_grad()
    functional.cross_entropy(model(batch[0]), batch[1]).backward()
    optimizer.step()


def subject_of(model: ConvNet, data: TensorDataset, with_step: bool) -> Subject:
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))[: 2 * BATCHES * BATCH]
    half = len(order) // 2
    train, validation = (
        [(data.tensors[0][part], data.tensors[1][part]) for part in indices.split(BATCH)]
        for indices in (order[:half], order[half:])
    )
    step = {"train_step": train_step, "optimizer": torch.optim.Adam(model.parameters())} if with_step else {}
    return Subject(model, train, validation, loss=functional.cross_entropy, metric=accuracy, **step)


@torch.no_grad()
def inference_pass(model: nn.Module, batches: list[Any]) -> float:
    model.eval()
    start = time.perf_counter()
    for images, _ in batches:
        model(images)
    return time.perf_counter() - start


def measure(title: str, subject: Subject) -> None:
    passes, without, whole = [], [], []
    for _ in range(ROUNDS):
        clock = Clock()
        with opened(subject, batches=BATCHES) as live:
            diagnose(live, Yardstick(True, True), name=title, stage=clock)
            whole.append(time.perf_counter() - clock.start)
            without.append(clock.began[REMEDIES])
            batches = [batch for split in Split for batch in live.data[split]]
            passes.append(inference_pass(live.model, batches))
    unit = statistics.median(passes)
    cost, total = statistics.median(without) / unit, statistics.median(whole) / unit
    print(f"| {title} | {cost:.1f} | {total:.1f} | {1000 * unit:.0f} ms |", flush=True)


def main() -> None:
    torch.set_num_threads(2)
    print("| | passes without remedies (goal: at most 12) | with remedies | one inference pass |\n|---|---:|---:|---:|")
    for name, data in (("digits", digits()), ("patches of photographs", patches(2 * BATCHES * BATCH))):
        model = trained(data, classes=10, epochs=2)
        measure(name, subject_of(model, data, with_step=False))
        measure(f"{name}, with a train step", subject_of(model, data, with_step=True))


if __name__ == "__main__":
    main()
