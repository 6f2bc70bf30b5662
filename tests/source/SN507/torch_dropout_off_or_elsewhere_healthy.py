import torch
import torch.nn as nn
import torch.nn.functional as F


class Off(nn.Module):
    """No dropout unless the caller asks for it."""

    def __init__(self, width, drop=0.0):
        super().__init__()
        self.drop = nn.Dropout(drop)
        self.bn = nn.BatchNorm1d(width)

    def forward(self, x):
        return F.relu(self.bn(self.drop(x)))


class Identity(nn.Module):
    def __init__(self, width, drop):
        super().__init__()
        self.drop = nn.Dropout(drop) if drop > 0 else nn.Identity()
        self.bn = nn.BatchNorm2d(width)
        self.conv = nn.Conv2d(width, width, 1)

    def forward(self, x):
        return self.conv(F.relu(self.bn(self.drop(x))))


class WeightsBetween(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        self.bn1 = nn.BatchNorm1d(width)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(width, classes)

    def forward(self, x):
        return self.fc(self.drop(torch.relu(self.bn1(x))))
