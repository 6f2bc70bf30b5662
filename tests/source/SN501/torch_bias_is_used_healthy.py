import torch
import torch.nn as nn
import torch.nn.functional as F


class Shortcut(nn.Module):
    """The convolution's output is read by the shortcut as well."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x):
        y = self.conv(x)
        return y + F.relu(self.bn(y))


class ActivationBetween(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, channels, 3), nn.ReLU(), nn.BatchNorm2d(channels))
        self.fc = nn.Linear(channels, 4)

    def forward(self, x):
        return self.fc(F.avg_pool2d(self.body(x), 4).flatten(1))


class PreActivation(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.bn = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 3, padding=1)

    def forward(self, x):
        return self.conv(F.relu(self.bn(x)))


class NormalizedByGroups(nn.Module):
    def __init__(self, cin, cout, bn=True):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, padding=1, bias=not bn)
        self.norm = nn.BatchNorm2d(cout) if bn else nn.GroupNorm(8, cout)

    def forward(self, x):
        return torch.relu(self.norm(self.conv(x)))
