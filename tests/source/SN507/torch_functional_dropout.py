import torch
import torch.nn as nn
import torch.nn.functional as F


class Tower(nn.Module):
    def __init__(self, width=128):
        super().__init__()
        self.conv1 = nn.Conv1d(4, width, 15, padding=7)
        self.conv2 = nn.Conv1d(width, width, 15, padding=7)
        self.bn = nn.BatchNorm1d(width)  # expect: SN507
        self.head = nn.Linear(width, 1)

    def forward(self, sequence):
        x = F.relu(self.conv1(sequence))
        x = F.dropout(x, p=0.2, training=self.training)
        x = self.bn(F.max_pool1d(x, 4))
        x = F.relu(self.conv2(x))
        return self.head(x.amax(-1))


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.drop = nn.Dropout2d(p=0.3)
        self.norm = nn.BatchNorm2d(channels)  # expect: SN507
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + self.conv(torch.relu(self.norm(self.drop(x))))
