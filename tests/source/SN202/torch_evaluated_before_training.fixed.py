import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Encoder(nn.Module):
    def __init__(self, dim=64):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(20, dim, bias=False),
            nn.BatchNorm1d(dim),
            nn.ReLU(),
            nn.Linear(dim, dim, bias=False),
            nn.BatchNorm1d(dim),
            nn.ReLU(),
            nn.Linear(dim, 3),
        )

    def forward(self, x):
        return self.net(x)


def evaluate(model, loader):
    model.eval()
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).float().sum().item() for x, y in loader) / len(loader.dataset)


def train(model, loader, epochs=30):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    for _ in range(epochs):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()


def main():
    data = torch.load("sensors.pt")
    train_loader = DataLoader(TensorDataset(*data["train"]), batch_size=128, shuffle=True)
    test_loader = DataLoader(TensorDataset(*data["test"]), batch_size=128)
    model = Encoder()
    print("before:", evaluate(model, test_loader))
    train(model, train_loader)
    print("after:", evaluate(model, test_loader))


if __name__ == "__main__":
    main()
