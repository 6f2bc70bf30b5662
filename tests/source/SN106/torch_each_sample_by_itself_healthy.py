"""Moments of each sample by itself, in many ways: inference needs nothing that training collects."""

import torch
import torch.nn.functional as F
from torch import nn


def adain(content, style, eps=1e-5):
    samples, channels = content.shape[:2]
    mean = content.view(samples, channels, -1).mean(2).view(samples, channels, 1, 1)
    std = content.view(samples, channels, -1).std(2).view(samples, channels, 1, 1) + eps
    wanted = style.view(samples, channels, -1)
    shape = (samples, channels, 1, 1)
    return (content - mean) / std * wanted.std(2).view(shape) + wanted.mean(2).view(shape)


class Scaled(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))


class OverPlanes(Scaled):
    def forward(self, x):
        x = (x - x.mean((2, 3), keepdim=True)) / torch.sqrt(x.var((2, 3), keepdim=True) + 1e-5)
        return x * self.gamma.view(1, -1, 1, 1) + self.beta.view(1, -1, 1, 1)


class OverSteps(Scaled):
    """Steps first, samples second."""

    def forward(self, x):
        x = x.permute(1, 0, 2)
        x = (x - x.mean(dim=0)) / torch.sqrt(x.var(dim=0) + 1e-5) * self.gamma + self.beta
        return x.transpose(0, 1)


class OneByOne(Scaled):
    def forward(self, x):
        return torch.stack([self.one(each) for each in x])

    def one(self, x):
        return (x - x.mean(0)) / torch.sqrt(x.var(0) + 1e-5) * self.gamma + self.beta


class ByNumber(Scaled):
    def forward(self, x):
        out = []
        for i in range(len(x)):
            positions = x[i].flatten(1).t()
            out.append((positions - positions.mean(0)) / (positions.var(0) + 1e-5).sqrt() * self.gamma + self.beta)
        return torch.stack(out)


class Folded(nn.Module):
    def forward(self, x):
        samples, channels, *size = x.shape
        folded = x.reshape(1, samples * channels, *size).float()
        return F.batch_norm(folded, None, None, training=True).reshape(x.shape)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3)
        self.planes, self.steps, self.samples, self.numbers = OverPlanes(16), OverSteps(8), OneByOne(8), ByNumber(16)
        self.folded = Folded()

    def forward(self, images, style, series):
        x = self.numbers(self.planes(self.conv(images)))
        return adain(self.folded(self.conv(images)), self.conv(style)), x, self.samples(self.steps(series))


net = Net()
net.load_state_dict(torch.load("net.pt"))
net.eval()
with torch.no_grad():
    torch.save(net(torch.load("images.pt"), torch.load("style.pt"), torch.load("series.pt")), "output.pt")
