"""The network and the data of the recalibration benchmark, and the true moments of these data."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from sklearn.datasets import load_digits, load_sample_images
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

BATCH = 64
PATCH = 8


class Block(nn.Module):
    """Two normalized convolutions around a normalized shortcut."""

    def __init__(self, channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Conv2d(channels, out_channels, 1, stride, bias=False)
        self.norm3 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to (N, out_channels, H / stride, W / stride)."""
        inner = self.norm2(self.conv2(functional.relu(self.norm1(self.conv1(x)))))
        return functional.relu(inner + self.norm3(self.shortcut(x)))


class ConvNet(nn.Sequential):
    """A stem, three residual blocks, the mean over positions and a linear head: ten normalization layers."""

    def __init__(self, channels: int, classes: int, width: int = 16) -> None:
        super().__init__(
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            Block(width, width, 1),
            Block(width, 2 * width, 2),
            Block(2 * width, 4 * width, 2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4 * width, classes),
        )


def digits() -> TensorDataset:
    """The 1797 digits of scikit-learn, in the order of the file."""
    found = load_digits()
    images = torch.tensor(found.images, dtype=torch.float32).unsqueeze(1) / 16
    return TensorDataset(images, torch.tensor(found.target))


def patches(count: int = 2048 * BATCH) -> TensorDataset:
    """Patches of both sample images of scikit-learn, row by row: first all of one photograph, then of the other.

    The label is the photograph's number and which third of its height the patch is from.
    """
    images = [image.astype(np.float32) / 255 for image in load_sample_images().images]
    found, labels = [], []
    for number, image in enumerate(images):
        rows, columns = image.shape[0] - PATCH, image.shape[1] - PATCH
        places = np.linspace(0, rows * columns - 1, count // len(images)).astype(int)
        for place in places:
            row, column = divmod(int(place), columns)
            found.append(image[row : row + PATCH, column : column + PATCH].transpose(2, 0, 1))
            labels.append(3 * number + 3 * row // rows)
    return TensorDataset(torch.tensor(np.stack(found)), torch.tensor(labels))


def trained(data: TensorDataset, classes: int, epochs: int) -> ConvNet:
    """The network, trained for some epochs of at most 200 batches with a fixed seed."""
    torch.manual_seed(0)
    model = ConvNet(data.tensors[0].shape[1], classes)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    loader = DataLoader(data, BATCH, shuffle=True, drop_last=True)
    for _ in range(epochs):
        for index, (images, target) in enumerate(loader):
            if index == 200:
                break
            optimizer.zero_grad()
            functional.cross_entropy(model(images), target).backward()
            optimizer.step()
    return model


Truth = dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]


@torch.no_grad()
def true_moments(model: nn.Module, images: Tensor) -> Truth:
    """Mean and variance of each layer's input when the whole data set flows through a copy as one training batch.

    Each layer then normalizes by the moments of the whole data set, which is also what inference with perfect
    statistics does. The moments are taken in float64 by NumPy, in two passes over the layer's input.
    """
    truth: Truth = {}
    model = copy.deepcopy(model).train()

    def take(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def before(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            chunks = [chunk.numpy() for chunk in inputs[0].split(16 * BATCH)]
            count = inputs[0].numel() / inputs[0].shape[1]
            mean = sum(_sum(chunk.astype(np.float64)) for chunk in chunks) / count
            shape = (1, -1, 1, 1)
            squares = sum(_sum(np.square(chunk.astype(np.float64) - mean.reshape(shape))) for chunk in chunks)
            truth[name] = (mean, squares / (count - 1))

        return before

    for name, layer in model.named_modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.register_forward_pre_hook(take(name))
    model(images)
    return truth


def _sum(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return values.reshape(*values.shape[:2], -1).sum(2).sum(0)


def error(model: nn.Module, truth: Truth) -> float:
    """Root mean square over all layers and channels of the standardised mean error and of the log variance error.

    The mean's error is in units of the true standard deviation; the root mean square is taken in each layer, over both
    errors and its channels, and then over layers, so that each layer counts the same.
    """
    layers = dict(model.named_modules())
    squares = []
    for name, (mean, variance) in truth.items():
        total = variance + 1e-5
        found_mean = layers[name].running_mean.double().numpy()
        found_variance = layers[name].running_var.double().numpy()
        shift = (found_mean - mean) / np.sqrt(total)
        ratio = np.log((found_variance + 1e-5) / total)
        squares.append(np.mean([np.square(shift), np.square(ratio)]))
    return float(np.sqrt(np.mean(squares)))
