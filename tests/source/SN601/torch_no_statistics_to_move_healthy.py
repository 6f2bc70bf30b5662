"""A frozen VGG without normalization, and a frozen detector backbone whose layers are replaced."""

import torch
import torch.nn as nn
import torchvision
from torch.utils.data import DataLoader
from torchvision.ops import FrozenBatchNorm2d

from flowers import Flowers


class Net(nn.Module):
    def __init__(self, classes=102):
        super().__init__()
        self.vgg = torchvision.models.vgg16(weights="DEFAULT").features
        self.resnet = torchvision.models.resnet50(weights="DEFAULT", norm_layer=FrozenBatchNorm2d)
        for p in self.vgg.parameters():
            p.requires_grad = False
        for p in self.resnet.parameters():
            p.requires_grad = False
        self.norm = nn.BatchNorm1d(1512)
        self.fc = nn.Linear(1512, classes)

    def forward(self, x):
        h = torch.cat([self.vgg(x).mean((2, 3)), self.resnet(x)], 1)
        return self.fc(self.norm(h))


def main():
    model = Net()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad])
    loader = DataLoader(Flowers("train"), batch_size=32, shuffle=True)
    for epoch in range(5):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    torch.save(model.state_dict(), "flowers.pt")


if __name__ == "__main__":
    main()
