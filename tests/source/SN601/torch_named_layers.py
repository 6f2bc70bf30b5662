import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader

from plants import PlantDataset


class Stage(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(cout)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.stage1 = Stage(3, 32)
        self.stage2 = Stage(32, 64)
        self.stage3 = Stage(64, 128)
        self.fc = nn.Linear(128, 12)

    def forward(self, x):
        x = self.stage3(self.stage2(self.stage1(x)))
        return self.fc(x.mean((2, 3)))


def freeze(module):
    for p in module.parameters():
        p.requires_grad_(False)  # expect: SN601


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pretrained", required=True)
    args = parser.parse_args()
    model = Backbone()
    model.load_state_dict(torch.load(args.pretrained))
    freeze(model.stage1)
    freeze(model.stage2)
    optimizer = torch.optim.Adam((p for p in model.parameters() if p.requires_grad), lr=1e-4)
    loader = DataLoader(PlantDataset("train"), batch_size=64, shuffle=True)
    for epoch in range(10):
        model.train()
        for image, label in loader:
            loss = nn.functional.cross_entropy(model(image), label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    torch.save(model.state_dict(), "plants.pt")


if __name__ == "__main__":
    main()
