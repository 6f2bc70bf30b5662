"""The layers of steadynorm.torch against torch.nn's: forward and backward on the CPU, as ratios in one run.

    python benchmarks/layers_torch.py [--threads 2] [--repeats 25] [--clock wall] [--compiled]

Each repeat runs everything once, in an order of its own, so that whatever else the machine does falls on all alike; the
ratios are those of the medians. `--clock processor` adds up the time of all threads instead, which other work disturbs
less. Beside the layers stands the same in elementwise operations, as one writes it by hand, and with `--compiled` that
under torch.compile. Peak memory is that of one forward and backward pass above the input, the output's gradient and
the layer, with torch.nn's layer as one.

Memory that is freed stays with the process, for all alike: glibc otherwise gives it back or not depending on what was
allocated before, and the page faults of taking it again cost as much as a layer.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from steadynorm.torch import BatchNorm1d, BatchNorm2d

CASES = (
    ("(32,64,56,56)", (32, 64, 56, 56), torch.contiguous_format),
    ("(32,64,56,56) channels_last", (32, 64, 56, 56), torch.channels_last),
    ("(64,256,14,14)", (64, 256, 14, 14), torch.contiguous_format),
    ("(64,256,14,14) channels_last", (64, 256, 14, 14), torch.channels_last),
    ("(4096,256)", (4096, 256), torch.contiguous_format),
)
CLIPPING = {"rmin": 0.5, "rmax": 2.0, "dmax": 1.0}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "renorm": {"renorm": True, "renorm_clipping": CLIPPING},
    "virtual batches of 8": {"virtual_batch_size": 8},
    "debias": {"debias": True},
    "sample weights": {},
    "mask": {},
}
GOALS = {
    "plain": 1.03,
    "renorm": 1.3,
    "virtual batches of 8": 1.3,
    "debias": 1.3,
    "sample weights": 1.8,
    "mask": 1.8,
}
TIMES_FASTER = 4.0
COMPOSITES = ("renorm", "virtual batches of 8", "sample weights", "mask")

MEMORY_IS_KEPT = {"MALLOC_TRIM_THRESHOLD_": str(1 << 33), "MALLOC_MMAP_THRESHOLD_": str(1 << 25)}

Step = Callable[[], Any]


class Composite(nn.Module):
    """Batch normalization as it is written by hand out of elementwise operations."""

    def __init__(self, channels: int, option: str) -> None:
        super().__init__()
        self.option = option
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        for name, value in (("mean", 0.0), ("variance", 1.0), ("renorm_mean", 0.0), ("renorm_stddev", 1.0)):
            self.register_buffer(name, torch.full((channels,), value))

    def forward(self, x: Tensor, weights: Tensor | None) -> Tensor:
        """Normalize as in training."""
        if self.option == "virtual batches of 8":
            return torch.cat([self.part(each, None) for each in x.split(8)])
        return self.part(x, weights)

    def part(self, x: Tensor, weights: Tensor | None) -> Tensor:
        """Normalize one group of samples."""
        axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
        if weights is None:
            mean, variance = x.mean(axes), x.var(axes, correction=0)
        else:
            share = (weights / weights.expand_as(x[:, :1]).sum()).expand_as(x[:, :1])
            mean = (share * x).sum(axes)
            variance = (share * (x - mean.view(shape)) ** 2).sum(axes)
        normalized = (x - mean.view(shape)) * torch.rsqrt(variance.view(shape) + 1e-5)
        with torch.no_grad():
            self.mean.lerp_(mean, 0.1)
            self.variance.lerp_(variance, 0.1)
        if self.option == "renorm":
            with torch.no_grad():
                stddev = torch.sqrt(variance + 1e-5)
                r = (stddev / self.renorm_stddev).clamp(0.5, 2.0)
                d = ((mean - self.renorm_mean) / self.renorm_stddev).clamp(-1.0, 1.0)
                self.renorm_mean.lerp_(mean, 0.01)
                self.renorm_stddev.lerp_(stddev, 0.01)
            normalized = normalized * r.view(shape) + d.view(shape)
        return normalized * self.weight.view(shape) + self.bias.view(shape)


def weights_for(option: str, x: Tensor) -> Tensor | None:
    if option == "sample weights":
        return torch.rand(len(x), *[1] * (x.dim() - 1)) + 0.5
    if option == "mask":
        return (torch.rand(len(x), 1, *x.shape[2:]) > 0.3).float()
    return None


def step(layer: nn.Module, x: Tensor, dy: Tensor, *arguments: Tensor | None) -> Step:
    """One forward and backward pass."""
    wanted = [x, *layer.parameters()]
    return lambda: torch.autograd.grad(layer(x, *arguments), wanted, dy)


def tensors(shape: tuple[int, ...], layout: torch.memory_format) -> tuple[Tensor, Tensor]:
    x, dy = (torch.randn(shape).contiguous(memory_format=layout) for _ in range(2))
    return x.requires_grad_(), dy


def steps(shape: tuple[int, ...], layout: torch.memory_format, compiled: bool) -> dict[str, Step]:
    x, dy = tensors(shape, layout)
    native, ours = (nn.BatchNorm2d, BatchNorm2d) if len(shape) == 4 else (nn.BatchNorm1d, BatchNorm1d)
    found = {"torch.nn": step(native(shape[1]), x, dy)}
    for option, arguments in OPTIONS.items():
        found[option] = step(ours(shape[1], **arguments), x, dy, weights_for(option, x))
    for option in COMPOSITES:
        weights = weights_for(option, x)
        found[f"{option}, by hand"] = step(Composite(shape[1], option), x, dy, weights)
        if compiled:
            found[f"{option}, by hand, compiled"] = step(torch.compile(Composite(shape[1], option)), x, dy, weights)
    return found


def measure(taken: dict[str, Step], repeats: int, clock: Callable[[], float]) -> dict[str, float]:
    """Median seconds of each."""
    times: dict[str, list[float]] = {name: [] for name in taken}
    for repeat in range(repeats + 2):
        for name in random.sample(list(taken), len(taken)):
            start = clock()
            taken[name]()
            if repeat >= 2:
                times[name].append(clock() - start)
    return {name: statistics.median(each) for name, each in times.items()}


def verdict(name: str, times: dict[str, float]) -> str:
    """The goals, and whether they are met."""
    if name not in GOALS:
        return ""
    ratio = times[name] / times["torch.nn"]
    told = f"  goal {GOALS[name]:.2f}: {'met' if ratio <= GOALS[name] else 'MISSED'}"
    by_hand = times.get(f"{name}, by hand")
    if by_hand is None:
        return told
    faster = by_hand / times[name]
    goal = "" if name.startswith("virtual") else f" (goal {TIMES_FASTER:.0f}: {'met' if faster >= 4 else 'MISSED'})"
    compiled = times.get(f"{name}, by hand, compiled")
    against = "" if compiled is None else f", {compiled / times[name]:.2f} as that compiled"
    return f"{told}; {faster:.1f} times as fast as by hand{goal}{against}"


def peak(option: str) -> None:
    """Print by how many bytes one pass raises the memory of this process at most; Linux only."""
    _, shape, layout = CASES[0]
    taken: list[Step] = []
    for size in ((16, *shape[1:2], 4, 4), shape):  # the small one loads what the kernels consist of
        x, dy = tensors(size, layout)
        if option == "torch.nn":
            taken.append(step(nn.BatchNorm2d(size[1]), x, dy))
        else:
            taken.append(step(BatchNorm2d(size[1], **OPTIONS[option]), x, dy, weights_for(option, x)))
    taken[0]()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = resident("VmRSS")
    taken[1]()
    print(resident("VmHWM") - before)


def resident(field: str) -> int:
    """A size from this process's status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def peaks(threads: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--threads", str(threads), "--peak"]
    return {
        name: float(subprocess.run([*command, name], check=True, capture_output=True, text=True).stdout)
        for name in ("torch.nn", *OPTIONS)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--clock", choices=("wall", "processor"), default="wall")
    parser.add_argument(
        "--compiled", action="store_true", help="measure torch.compile, too, which compiles for minutes"
    )
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not os.environ.keys() >= MEMORY_IS_KEPT.keys():
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | MEMORY_IS_KEPT)
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    if arguments.peak:
        peak(arguments.peak)
        return
    clock = time.perf_counter if arguments.clock == "wall" else time.process_time
    for title, shape, layout in CASES:
        times = measure(steps(shape, layout, arguments.compiled), arguments.repeats, clock)
        base = times["torch.nn"]
        print(f"{title}, {arguments.threads} threads, median of {arguments.repeats}: torch.nn {base * 1e3:.2f} ms")
        for name, seconds in times.items():
            print(f"  {name:40} {seconds * 1e3:8.2f} ms  {seconds / base:5.2f}×{verdict(name, times)}", flush=True)
    memory = peaks(arguments.threads)
    print(f"{CASES[0][0]}, peak memory of a pass: torch.nn {memory['torch.nn'] / 2**20:.0f} MiB")
    for name, size in memory.items():
        print(f"  {name:40} {size / 2**20:8.1f} MiB {size / memory['torch.nn']:5.2f}×")


if __name__ == "__main__":
    main()
