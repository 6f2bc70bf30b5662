"""A sampler, a stream, a random split and a sequence that is learned in order."""

import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, WeightedRandomSampler, random_split
from torchvision import datasets, transforms


class Stream(IterableDataset):
    def __iter__(self):
        while True:
            yield torch.randn(3, 32, 32), 0


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 2)

    def forward(self, x):
        return self.fc(torch.relu(self.bn(self.conv(x))).mean((2, 3)))


def main():
    folder = datasets.ImageFolder("scans", transforms.ToTensor())
    sampler = WeightedRandomSampler([1.0] * len(folder), len(folder))
    train_set, val_set = random_split(folder, [0.9, 0.1], generator=torch.Generator().manual_seed(0))
    loaders = [
        DataLoader(folder, batch_size=32, sampler=sampler),
        DataLoader(Stream(), batch_size=32),
        DataLoader(train_set, batch_size=32, shuffle=True),
    ]
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for loader in loaders:
        net.train()
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
            optimizer.step()
    net.eval()
    with torch.no_grad():
        print(sum((net(x).argmax(1) == y).sum().item() for x, y in DataLoader(val_set, batch_size=32)))


if __name__ == "__main__":
    main()
