import torch
import torch.nn as nn


class ConvNormAct(nn.Module):
    def __init__(self, cin, cout, k=3, s=1, norm=nn.BatchNorm2d, act=nn.SiLU):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, k, s, k // 2, bias=False)
        self.norm = norm(cout)
        self.act = act()

    def forward(self, x):
        x = self.conv(x)
        x = self.norm(x)
        return self.act(x)


class UpBlock(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.up = nn.ConvTranspose2d(cin, cout, 2, 2, bias=False)
        self.bn = nn.BatchNorm2d(cout)
        self.conv = ConvNormAct(cout, cout)

    def forward(self, x, skip):
        x = torch.relu(self.bn(self.up(x)))
        return self.conv(x + skip)


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = ConvNormAct(3, 32, s=2)
        self.up = UpBlock(32, 16)
        self.skip = nn.Conv2d(3, 16, 1)
        self.out = nn.Conv2d(16, 1, 1)

    def forward(self, x):
        return self.out(self.up(self.stem(x), self.skip(x)))
