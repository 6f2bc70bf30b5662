import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class G(nn.Module):
    def __init__(self, nz):
        super().__init__()
        self.fc = nn.Linear(nz, 500, bias=False)
        self.bn = nn.BatchNorm1d(500)
        self.out = nn.Linear(500, 784)

    def forward(self, z):
        return torch.sigmoid(self.out(F.softplus(self.bn(self.fc(z)))))


class D(nn.Module):
    """Classifies digits; fakes are the last class."""

    def __init__(self, classes=10):
        super().__init__()
        self.fc1 = nn.Linear(784, 500, bias=False)
        self.bn1 = nn.BatchNorm1d(500)
        self.fc2 = nn.Linear(500, classes + 1)

    def forward(self, x):
        return self.fc2(F.leaky_relu(self.bn1(self.fc1(x.flatten(1)))))


def train_discriminator(d, g, opt, x, y, nz):
    fake = g(torch.randn(len(x), nz)).detach()
    out = d(torch.cat([x.flatten(1), fake]))
    loss = F.cross_entropy(out, torch.cat([y, torch.full_like(y, 10)]))
    opt.zero_grad()
    loss.backward()
    opt.step()


def train_generator(d, g, opt, n, nz):
    fake = g(torch.randn(n, nz))
    loss = -F.softmax(d(fake), 1)[:, :10].sum(1).log().mean()  # expect: SN403 likely
    opt.zero_grad()
    loss.backward()
    opt.step()


def accuracy(d, loader):
    d.eval()
    with torch.no_grad():
        return sum((d(x).argmax(1) == y).sum().item() for x, y in loader) / len(loader.dataset)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--nz", type=int, default=100)
    args = parser.parse_args()
    train = DataLoader(datasets.MNIST("data", transform=transforms.ToTensor()), batch_size=100, shuffle=True)
    test = DataLoader(datasets.MNIST("data", train=False, transform=transforms.ToTensor()), batch_size=100)
    d, g = D(), G(args.nz)
    opt_d = torch.optim.Adam(d.parameters(), lr=3e-4)
    opt_g = torch.optim.Adam(g.parameters(), lr=3e-4)
    for epoch in range(args.epochs):
        d.train()
        for x, y in train:
            train_discriminator(d, g, opt_d, x, y, args.nz)
            train_generator(d, g, opt_g, len(x), args.nz)
        print(epoch, accuracy(d, test))
