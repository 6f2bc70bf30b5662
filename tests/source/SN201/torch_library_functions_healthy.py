"""Building blocks; the callers set the mode."""

import torch
from torch import nn


def conv_bn(cin, cout, stride=1):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True))


class Backbone(nn.Module):
    def __init__(self, widths=(32, 64, 128)):
        super().__init__()
        channels = (3, *widths)
        self.stages = nn.ModuleList(conv_bn(a, b, 2) for a, b in zip(channels, channels[1:]))

    def forward(self, x):
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


@torch.no_grad()
def accuracy(model, loader, device="cpu"):
    hits = total = 0
    for x, y in loader:
        hits += (model(x.to(device)).argmax(1).cpu() == y).sum().item()
        total += len(y)
    return hits / total


def train_one_epoch(model, loader, optimizer, criterion, device="cpu"):
    for x, y in loader:
        loss = criterion(model(x.to(device)), y.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def extract(model, images):
    with torch.no_grad():
        return [f.mean((2, 3)) for f in model(images)]
