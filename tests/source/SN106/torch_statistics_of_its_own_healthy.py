import torch
import torch.nn as nn
import torch.nn.functional as F


class GatheredNorm(nn.BatchNorm2d):
    """Normalizes each of several small batches by itself, and gathers the statistics of all of them."""

    def __init__(self, num_features, pieces=4):
        super().__init__(num_features)
        self.pieces = pieces
        self.register_buffer("total", torch.zeros(num_features))
        self.register_buffer("squares", torch.zeros(num_features))
        self.count = 0

    def forward(self, x):
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, training=False)
        with torch.no_grad():
            self.total += x.sum((0, 2, 3))
            self.squares += (x * x).sum((0, 2, 3))
            self.count += x.numel() // x.shape[1]
        return F.batch_norm(x, None, None, self.weight, self.bias, training=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, bias=False)
        self.norm = GatheredNorm(16)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        return self.head(F.relu(self.norm(self.conv(x))).mean((2, 3)))


def evaluate(net, loader):
    net.eval()
    with torch.no_grad():
        return sum((net(x).argmax(1) == y).sum().item() for x, y in loader)
