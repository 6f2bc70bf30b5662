import torch
import torch.nn as nn
from collections import OrderedDict


class Named(nn.Module):
    """Kept in a list and registered by name."""

    def __init__(self, depth, width):
        super().__init__()
        self.bn_list = []
        for i in range(depth):
            bn = nn.BatchNorm1d(width)
            self.add_module(f"bn{i}", bn)
            self.bn_list.append(bn)

    def forward(self, x):
        for bn in self.bn_list:
            x = torch.relu(bn(x))
        return x


class Stages(nn.Module):
    def __init__(self, widths):
        super().__init__()
        self.stages = []
        for i, (a, b) in enumerate(zip(widths, widths[1:])):
            name = f"stage{i + 1}"
            setattr(self, name, nn.Sequential(nn.Conv2d(a, b, 3, bias=False), nn.BatchNorm2d(b), nn.ReLU()))
            self.stages.append(name)
        layers = [nn.Conv2d(widths[-1], 8, 1, bias=False), nn.BatchNorm2d(8)]
        self.neck = nn.Sequential(*layers)
        self.tail = nn.Sequential(OrderedDict([("conv", nn.Conv2d(8, 1, 1))]))

    def forward(self, x):
        for name in self.stages:
            x = getattr(self, name)(x)
        return self.tail(torch.relu(self.neck(x)))


class Collected(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.pipeline = [self.conv1, self.bn1]
        self.parts = nn.ModuleList([nn.Conv2d(8, 8, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU()])
        self.by_name = {"conv": self.parts[0], "bn": self.parts[1]}

    def forward(self, x):
        for part in self.pipeline:
            x = part(x)
        return self.parts[2](self.by_name["bn"](self.by_name["conv"](x.relu())))
