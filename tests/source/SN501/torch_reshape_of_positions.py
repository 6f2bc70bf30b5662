import torch
from data import loaders
from torch import nn
from torch.nn import functional as F


class Reshaped(nn.Module):
    """Normalizes each channel by itself, in another shape."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 3)  # expect: SN501
        self.norm = nn.BatchNorm2d(64)
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        x = self.conv(x)
        x = self.norm(x.view(x.size(0), 64, -1, 1)).view(-1, 64, 30, 30)
        return self.head(F.relu(x).mean((2, 3)))


def main():
    train_loader, _ = loaders()
    model = Reshaped()
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
