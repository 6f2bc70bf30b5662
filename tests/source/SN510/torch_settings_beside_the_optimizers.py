"""Settings with a momentum for the optimizer and one for the layers: no fix knows which of them is meant."""

import torch
from torch import nn

OPTIONS = {"norm": {"momentum": 0.9, "eps": 1e-5}, "width": 32}


class Net(nn.Module):
    def __init__(self, options):
        super().__init__()
        self.linear = nn.Linear(8, options["width"], bias=False)
        self.norm = nn.BatchNorm1d(options["width"], **options["norm"])  # expect: SN510 likely
        self.out = nn.Linear(options["width"], 1)

    def forward(self, x):
        return self.out(torch.relu(self.norm(self.linear(x))))


def fit(loader):
    net = Net(OPTIONS)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net.train()
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.mse_loss(net(x), y).backward()
        optimizer.step()
    net.eval()
    return net
