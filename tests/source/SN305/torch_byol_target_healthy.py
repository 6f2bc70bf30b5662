import argparse
import copy

import torch
from data import pairs
from torch import nn
from torch.nn import functional as F
from torchvision.models import resnet50


class EMA:
    def __init__(self, beta):
        self.beta = beta

    def update_average(self, old, new):
        if old is None:
            return new
        return old * self.beta + (1 - self.beta) * new


def update_moving_average(updater, target, online):
    for new, old in zip(online.parameters(), target.parameters()):
        old.data = updater.update_average(old.data, new.data)


def mlp(dim, out, hidden=4096):
    return nn.Sequential(
        nn.Linear(dim, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True), nn.Linear(hidden, out)
    )


class BYOL(nn.Module):
    def __init__(self, net, beta=0.99):
        super().__init__()
        self.online = nn.Sequential(net, mlp(1000, 256))
        self.predictor = mlp(256, 256)
        self.target = copy.deepcopy(self.online)
        self.updater = EMA(beta)

    def update(self):
        update_moving_average(self.updater, self.target, self.online)

    def forward(self, one, two):
        predicted = self.predictor(self.online(one))
        with torch.no_grad():
            wanted = self.target(two)
        return 2 - 2 * F.cosine_similarity(predicted, wanted).mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=100)
    args = parser.parse_args()
    learner = BYOL(resnet50())
    optimizer = torch.optim.Adam(learner.parameters(), lr=3e-4)
    for epoch in range(args.epochs):
        for one, two in pairs("train"):
            loss = learner(one, two)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            learner.update()


if __name__ == "__main__":
    main()
