"""Federated averaging: each round the clients train copies of the global model."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from clients import client_loaders, test_loader


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 32, 5, bias=False)
        self.bn = nn.BatchNorm2d(32)
        self.fc = nn.Linear(32, 62)

    def forward(self, x):
        return self.fc(F.relu(self.bn(self.conv(x))).mean((2, 3)))


def local_update(model, loader, lr):
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model


def aggregate(global_model, local_models):
    with torch.no_grad():
        for name, param in global_model.named_parameters():
            stacked = torch.stack([dict(local.named_parameters())[name] for local in local_models])
            param.copy_(stacked.mean(0))  # expect: SN305


def main(rounds=100, lr=0.05):
    global_model = CNN()
    for _ in range(rounds):
        locals_ = [local_update(copy.deepcopy(global_model), loader, lr) for loader in client_loaders()]
        aggregate(global_model, locals_)
        global_model.eval()
        with torch.no_grad():
            correct = sum((global_model(x).argmax(1) == y).sum().item() for x, y in test_loader())
        print(correct)


if __name__ == "__main__":
    main()
