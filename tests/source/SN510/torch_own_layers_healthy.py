"""Layers of steadynorm's own take the same arguments as those of torch.nn."""

import torch
from steadynorm.torch import BatchNorm2d
from torch import nn


def build(classes: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, bias=False),
        BatchNorm2d(32, momentum=0.01, renorm=True),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, classes),
    )


def train(loader, epochs=10):
    model = build(10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(epochs):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    return model
