import torch
import torch.nn as nn
import torch.nn.functional as F


class SplitNorm(nn.BatchNorm2d):
    """Normalizes each part of a batch by itself, as several devices would; in inference by the first part's average."""

    def __init__(self, num_features, splits):
        super().__init__(num_features)
        self.splits = splits
        self.register_buffer("running_mean", torch.zeros(num_features * splits))
        self.register_buffer("running_var", torch.ones(num_features * splits))

    def forward(self, x):
        n, c, h, w = x.shape
        if self.training or not self.track_running_stats:
            parts = x.view(-1, c * self.splits, h, w)
            weight, bias = self.weight.repeat(self.splits), self.bias.repeat(self.splits)
            return F.batch_norm(parts, self.running_mean, self.running_var, weight, bias, True).view(n, c, h, w)
        mean, variance = self.running_mean[:c], self.running_var[:c]
        return F.batch_norm(x, mean, variance, self.weight, self.bias, training=False)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, bias=False)
        self.norm = SplitNorm(16, 4)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        return self.head(F.relu(self.norm(self.conv(x))).mean((2, 3)))
