"""The helper puts the mode back that it found."""

import contextlib

import torch
from torch import nn
from torch.utils.data import DataLoader

from digits import Digits


@contextlib.contextmanager
def evaluating(net):
    """Temporarily switch to evaluation mode."""
    istrain = net.training
    try:
        net.eval()
        yield net
    finally:
        if istrain:
            net.train()


def sample_grid(net, loader):
    was_training = net.training
    net.eval()
    with torch.no_grad():
        x, _ = next(iter(loader))
        out = net(x).argmax(1)
    net.train(was_training)
    return out


net = nn.Sequential(nn.Conv2d(1, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10))
train_loader = DataLoader(Digits("train"), batch_size=64, shuffle=True)
val_loader = DataLoader(Digits("val"), batch_size=64)
optimizer = torch.optim.Adam(net.parameters())
for epoch in range(10):
    for x, y in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    with evaluating(net), torch.no_grad():
        hits = sum((net(x).argmax(1) == y).sum().item() for x, y in val_loader)
    print(epoch, hits, sample_grid(net, val_loader))
