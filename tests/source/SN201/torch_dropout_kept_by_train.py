"""Uncertainty of the predictions by Monte Carlo dropout."""

import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from lungs import LungDataset


class LungNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 32, 3, stride=2, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
        )
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(64, 2)

    def forward(self, x):
        return self.fc(self.dropout(self.conv(x).mean((2, 3))))


def mc_predict(model, loader, passes):
    model.train()  # keep dropout active
    runs = []
    with torch.no_grad():
        for _ in range(passes):
            runs.append(torch.cat([model(x).softmax(1) for x, _ in loader]).numpy())  # expect: SN201
    runs = np.stack(runs)
    return runs.mean(0), runs.std(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    parser.add_argument("--passes", type=int, default=30)
    args = parser.parse_args()

    model = LungNet()
    model.load_state_dict(torch.load(args.checkpoint))
    loader = DataLoader(LungDataset("test"), batch_size=16)
    mean, std = mc_predict(model, loader, args.passes)
    np.savez("uncertainty.npz", mean=mean, std=std)
