"""Models without normalization layers: steadynorm.torch.fold against PyTorch's own tools.

    python benchmarks/folding.py [--threads 2] [--repeats 41] [--clock wall] [--only-speed]

Speed is that of the prediction of a network in the shape of ResNet-18. Each repeat runs everything once, in an order
of its own, so that whatever else the machine does falls on all alike; the ratios are those of the medians. `--clock
processor` adds up the time of all threads instead, which other work disturbs less (with one thread: two that wait for
each other count their waiting). Then small models that each have one difficulty are folded by both tools, in float64:
how many normalization layers are left, and by how much the output differs from the model's in inference mode, as a
share of its greatest value.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import random
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from steadynorm.torch import fold

WIDTHS = (64, 64, 128, 256, 512)
SHAPES = ((1, 3, 224, 224), (8, 3, 128, 128))
GOAL = 1.0


class Block(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        stride = 1 if width == out else 2
        self.conv1, self.bn1 = nn.Conv2d(width, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = (
            None if width == out else nn.Sequential(nn.Conv2d(width, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add what the block computes to what it was given."""
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class Network(nn.Module):
    """The shape of ResNet-18."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.relu, self.pool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        pairs = itertools.pairwise(WIDTHS)
        self.layers = nn.Sequential(*(nn.Sequential(Block(a, b), Block(b, b)) for a, b in pairs))
        self.fc = nn.Linear(512, 1000)

    def forward(self, x: Tensor) -> Tensor:
        """Classify images."""
        return self.fc(self.layers(self.pool(self.relu(self.bn1(self.conv1(x))))).mean((2, 3)))


class Calls(nn.Module):
    """Two convolutions, a normalization layer, and a function that calls them."""

    def __init__(self, calls: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.other, self.bn = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.calls = calls

    def forward(self, x: Tensor) -> Tensor:
        """Call the function."""
        return self.calls(self, x)


def hooked() -> nn.Module:
    model = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4))
    model[0].register_forward_hook(lambda module, args, output: output * 2)
    return model


CASES: dict[str, Callable[[], nn.Module]] = {
    "convolution, normalization": lambda: nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)),
    "transposed convolution": lambda: nn.Sequential(nn.ConvTranspose2d(4, 4, 3), nn.BatchNorm2d(4)),
    "transposed, two groups": lambda: nn.Sequential(nn.ConvTranspose2d(4, 4, 3, groups=2), nn.BatchNorm2d(4)),
    "normalization, convolution": lambda: nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3)),
    "one pair, called twice": lambda: Calls(lambda m, x: m.bn(m.conv(m.bn(m.conv(x)).relu()))),
    "output of the convolution also used": lambda: Calls(lambda m, x: m.bn(y := m.conv(x)) + y),
    "convolution also called without": lambda: Calls(lambda m, x: m.bn(m.conv(x)) + m.conv(x)),
    "normalization after two convolutions": lambda: Calls(lambda m, x: m.bn(m.conv(x)) + m.bn(m.other(x))),
    "weight of the convolution also read": lambda: Calls(lambda m, x: m.bn(m.conv(x)) * m.conv.weight.sum()),
    "hook on the convolution": hooked,
    "linear layer on (N, L, C)": lambda: nn.Sequential(
        nn.Flatten(2), nn.Linear(64, 4), nn.BatchNorm1d(4), nn.Flatten()
    ),
    "code that asks for the length": lambda: Calls(lambda m, x: m.bn(m.conv(x)) if len(x) else x),
    "model in training mode": lambda: nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)).train(),
}


def with_values(model: nn.Module, *shape: int) -> nn.Module:
    """The model with statistics of a few batches, and vectors of any values."""
    for parameter in model.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, 0.5, 0.2)
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(shape, dtype=next(model.parameters()).dtype))
    return model


def by_hand(model: nn.Module) -> nn.Module:
    """What torch.nn.utils.fusion leaves of the network, with the pairs told by their names."""
    model = copy.deepcopy(model)
    for holder in list(model.modules()):
        names = list(holder._modules)
        for name, after in itertools.pairwise(names):
            first, second = holder._modules[name], holder._modules[after]
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                holder._modules[name] = fuse_conv_bn_eval(first, second)
                holder._modules[after] = nn.Identity()
    return model


def speed(shape: tuple[int, ...], repeats: int, clock: Callable[[], float]) -> None:
    x, model = torch.randn(shape), with_values(Network(), 4, 3, 64, 64).eval()
    with torch.no_grad():
        folding = fold(model, x)
        run = {
            "the model": model,
            "fuse_conv_bn_eval": by_hand(model),
            "torch.fx's fuse": fused(model),
            "steadynorm": folding.model,
        }
        times: dict[str, list[float]] = {name: [] for name in run}
        for repeat in range(repeats + 2):
            for name in random.sample(list(run), len(run)):
                start = clock()
                run[name](x)
                if repeat >= 2:
                    times[name].append(clock() - start)
    medians = {name: statistics.median(each) for name, each in times.items()}
    base = medians["fuse_conv_bn_eval"]
    print(f"{shape}, median of {repeats}, folded {len(folding.folded)}, difference {folding.difference:.1e}")
    for name, seconds in medians.items():
        told = f"  goal {GOAL:.2f}" if name == "steadynorm" else ""
        print(f"  {name:20} {seconds * 1e3:8.2f} ms  {seconds / base:5.3f}×{told}", flush=True)


def fused(model: nn.Module) -> nn.Module:
    """What the optimization of torch.fx makes of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.fx.experimental.optimization import fuse

        return fuse(model)


def left(model: nn.Module) -> int:
    """How many normalization layers are still called."""
    if isinstance(model, torch.fx.GraphModule):
        called = {str(node.target) for node in model.graph.nodes if node.op == "call_module"}
        return sum(isinstance(model.get_submodule(each), _BatchNorm) for each in called)
    return sum(isinstance(each, _BatchNorm) for each in model.modules())


def outcome(tool: Callable[[nn.Module], nn.Module], model: nn.Module, x: Tensor) -> str:
    expected = copy.deepcopy(model).eval()(x)
    try:
        result = tool(model)
        found = result(x)
    except Exception as error:
        return type(error).__name__
    difference = float(((found - expected).abs().max() / expected.abs().max()).detach())
    wrong = f", WRONG by {difference:.0%}" if difference > 1e-9 else ""
    return f"{left(result)} left{wrong}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=41)
    parser.add_argument("--clock", choices=("wall", "processor"), default="wall")
    parser.add_argument("--only-speed", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    for shape in SHAPES:
        speed(shape, arguments.repeats, time.perf_counter if arguments.clock == "wall" else time.process_time)
    for name, make in () if arguments.only_speed else CASES.items():
        model = make().double()
        mode, x = model.training if name == "model in training mode" else False, torch.randn(4, 4, 8, 8).double()
        with_values(model, *x.shape).train(mode)
        ours = outcome(lambda model, x=x: fold(model, x).model, model, x)
        print(f"{name:38} torch.fx's fuse: {outcome(fused, model, x):30} steadynorm: {ours}")


if __name__ == "__main__":
    main()
