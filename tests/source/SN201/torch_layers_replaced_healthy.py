"""Batch normalization is replaced by group normalization before the training."""

import torch
import torch.nn as nn
import torchvision
from torch.utils.data import DataLoader

from cells import Cells


def convert(module, groups=8):
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.GroupNorm(groups, child.num_features))
        else:
            convert(child, groups)
    return module


net = convert(torchvision.models.resnet18(num_classes=3))
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
train_loader, val_loader = (DataLoader(Cells(x), batch_size=2, shuffle=True) for x in ("train", "val"))
for epoch in range(10):
    for x, y in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    with torch.no_grad():
        print(sum((net(x).argmax(1) == y).sum() for x, y in val_loader))
