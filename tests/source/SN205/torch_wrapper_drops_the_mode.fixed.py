from typing import Iterator

import torch
import torch.nn as nn


class MLP(nn.Module):
    def __init__(self, d_in, d_out):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(d_in, 256, bias=False), nn.BatchNorm1d(256), nn.ReLU(), nn.Linear(256, d_out)
        )

    def forward(self, x):
        return self.net(x)


class Ensemble:
    """Several networks behind the interface of one."""

    def __init__(self, n, d_in, d_out):
        self.members = [MLP(d_in, d_out) for _ in range(n)]

    def train(self, mode: bool = True) -> "Ensemble":
        for member in self.members:
            member.train(mode)  # expect: SN205
        return self

    def eval(self) -> "Ensemble":
        return self.train(False)

    def parameters(self) -> Iterator[nn.Parameter]:
        for member in self.members:
            yield from member.parameters()

    def __call__(self, x):
        return torch.stack([member(x) for member in self.members]).mean(0)


def main():
    from tabular import test_loader, train_loader

    model = Ensemble(5, 54, 7)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(20):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
        print(epoch, hits / len(test_loader.dataset))


if __name__ == "__main__":
    main()
