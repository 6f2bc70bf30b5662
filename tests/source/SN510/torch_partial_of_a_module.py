from functools import partial
import torch
from torch import nn

BN = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.99)


class MBConv(nn.Module):
    def __init__(self, c, expand=4):
        super().__init__()
        h = c * expand
        self.body = nn.Sequential(
            nn.Conv2d(c, h, 1, bias=False), BN(h), nn.SiLU(),  # expect: SN510 likely
            nn.Conv2d(h, h, 3, padding=1, groups=h, bias=False), BN(h), nn.SiLU(),  # expect: SN510 likely
            nn.Conv2d(h, c, 1, bias=False), BN(c))  # expect: SN510 likely

    def forward(self, x):
        return x + self.body(x)


class EffNet(nn.Module):
    def __init__(self, depth=3):
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 3, 2, 1)
        self.blocks = nn.Sequential(*(MBConv(24) for _ in range(depth)))
        self.fc = nn.Linear(24, 1000)

    def forward(self, x):
        return self.fc(self.blocks(self.stem(x)).mean((2, 3)))
