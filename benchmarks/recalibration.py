"""Recalibration against fvcore's update_bn_stats and torch's update_bn: time and error, one table from one run.

Every tool re-estimates the statistics of a copy of the same trained network from the same loader. Time is CPU time on
one thread, which other work on the machine hardly changes, as a ratio to fvcore's in the same setting (medians over
the rounds; the tools take turns in each). Error is explained at
`error` in recalibration_setting.py: the distance from the moments of the whole data set, as root mean square.
"""

from __future__ import annotations

import argparse
import copy
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader, TensorDataset

import steadynorm
from recalibration_setting import BATCH, ConvNet, Truth, digits, error, patches, trained, true_moments

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # importing it compiles a loss in a way that torch gave up
    from fvcore.nn.precise_bn import update_bn_stats

FVCORE_BATCHES = 200
"""fvcore's default."""

Tool = Callable[[nn.Module, DataLoader[Any]], object]
"""Re-estimates a model's statistics from a loader."""


def fvcore(model: nn.Module, loader: DataLoader[Any]) -> None:
    """Over the data again and again until it has its batches, since it fails where they end before."""

    def inputs() -> Iterator[Tensor]:
        while True:
            for images, _ in loader:
                yield images

    update_bn_stats(model.train(), inputs(), FVCORE_BATCHES)


def torch_update_bn(model: nn.Module, loader: DataLoader[Any]) -> None:
    update_bn(loader, model)


def ours(**options: Any) -> Tool:
    def run(model: nn.Module, loader: DataLoader[Any]) -> None:
        steadynorm.recalibrate(model, loader, progress=False, **options)

    return run


TOOLS: dict[str, Tool] = {
    "fvcore update_bn_stats, 200 batches": fvcore,
    "torch swa_utils.update_bn": torch_update_bn,
    "steadynorm, default": ours(),
    "steadynorm, passes=2": ours(passes=2),
    "steadynorm, tolerance=0.01": ours(tolerance=0.01),
    "steadynorm, tolerance=0": ours(tolerance=0),
}


def compare(title: str, model: ConvNet, truth: Truth, loader: DataLoader[Any], rounds: int) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in TOOLS}
    errors: dict[str, list[float]] = {name: [] for name in TOOLS}
    batches: dict[str, list[int]] = {name: [] for name in TOOLS}
    for index in range(rounds):
        for name, tool in TOOLS.items():
            # Statistics as they are where recalibration is needed: after initialization.
            subject = copy.deepcopy(model)
            for layer in subject.modules():
                if isinstance(layer, nn.BatchNorm2d):
                    layer.reset_running_stats()
            calls: list[int] = []
            subject.register_forward_pre_hook(lambda module, inputs, calls=calls: calls.append(1))
            torch.manual_seed(index)  # the loader's order, the same for every tool
            start = time.process_time()
            tool(subject, loader)
            seconds[name].append(time.process_time() - start)
            batches[name].append(len(calls))
            errors[name].append(error(subject, truth))
    unit = statistics.median(seconds["fvcore update_bn_stats, 200 batches"])
    print(f"\n| {title} | batches run | time / fvcore's | error |\n|---|---:|---:|---:|")
    for name in TOOLS:
        ratio = statistics.median(seconds[name]) / unit
        run = statistics.median(batches[name])
        print(f"| {name} | {run:.0f} | {ratio:.2f} | {statistics.median(errors[name]):.5f} |", flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, python {platform.python_version()}, one thread, batches of {BATCH}")
    sets: dict[str, TensorDataset] = {"digits": digits(), "patches of photographs": patches()}
    for name, data in sets.items():
        model = trained(data, classes=10, epochs=5 if name == "digits" else 1)
        truth = true_moments(model, data.tensors[0])
        for shuffle in (True, False):
            loader = DataLoader(data, BATCH, shuffle=shuffle)
            title = f"{name}, {len(loader)} batches, {'shuffled' if shuffle else 'in file order'}"
            compare(title, model, truth, loader, options.rounds)


if __name__ == "__main__":
    main()
