import torch
from data import loaders
from torch import nn
from torch.nn import functional as F


class GroupedStatistics(nn.Module):
    """Normalizes groups of channels together, so that the convolution's bias tells the channels of a group apart."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 3)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        x = self.conv(x)
        x = self.norm(x.view(x.size(0), 8, -1, 1)).view(-1, 64, 30, 30)
        return self.head(F.relu(x).mean((2, 3)))


def main():
    train_loader, _ = loaders()
    model = GroupedStatistics()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(10):
        model.train()
        for x, y in train_loader:
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


if __name__ == "__main__":
    main()
