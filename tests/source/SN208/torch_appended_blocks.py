import torch
import torch.nn as nn


class Block(nn.Module):
    def __init__(self, cin, cout, dilation):
        super().__init__()
        self.conv = nn.Conv1d(cin, cout, 3, padding=dilation, dilation=dilation, bias=False)
        self.bn = nn.BatchNorm1d(cout)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))


class TCN(nn.Module):
    def __init__(self, channels, levels=6):
        super().__init__()
        self.inp = nn.Conv1d(channels, 64, 1)
        self.blocks = []  # expect: SN208
        for i in range(levels):
            self.blocks.append(Block(64, 64, 2**i))
        self.out = nn.Conv1d(64, 1, 1)

    def forward(self, x):
        x = self.inp(x)
        for block in self.blocks:
            x = x + block(x)
        return self.out(x)


class TCNWithSkips(nn.Module):
    def __init__(self, channels, levels=6):
        super().__init__()
        layers = []
        for i in range(levels):
            layers.append(Block(channels if i == 0 else 64, 64, 2**i))
        self.layers = layers  # expect: SN208
        self.out = nn.Conv1d(64, 1, 1)

    def forward(self, x):
        skips = 0
        for layer in self.layers:
            x = layer(x)
            skips = skips + x
        return self.out(skips)
