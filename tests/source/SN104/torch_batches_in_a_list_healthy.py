"""Digits, small enough to have all batches in a list."""

from collections import OrderedDict

import torch
from sklearn.datasets import load_digits
from torch import nn

EPOCHS = 6


def batches():
    pixels, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(pixels))
    images = torch.tensor(pixels / 16, dtype=torch.float32).view(-1, 1, 8, 8)[order]
    pairs = list(zip(images.split(64), torch.tensor(labels)[order].split(64), strict=True))
    return pairs[:22], pairs[22:]


def network():
    momentum = 0.1
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(1, 16, 3, padding=1, bias=False),
            norm=nn.BatchNorm2d(16, momentum=momentum),
            relu=nn.ReLU(),
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            head=nn.Linear(16, 10),
        )
    )


def main():
    train, validation = batches()
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    model.train()
    for _ in range(EPOCHS):
        for images, labels in train:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print(sum((model(images).argmax(1) == labels).sum().item() for images, labels in validation))


if __name__ == "__main__":
    main()
