import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

from partition import client_loaders, test_loader


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 5, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 5, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.fc = nn.Linear(1024, 10)

    def forward(self, x):
        return self.fc(self.features(x).flatten(1))


class Server:
    def __init__(self, n_clients):
        self.model = CNN()
        self.n_clients = n_clients

    def aggregate(self, client_models):
        with torch.no_grad():
            for name, param in self.model.named_parameters():
                updates = [dict(m.named_parameters())[name] for m in client_models]
                param.copy_(torch.stack(updates).mean(0))  # expect: SN305

    def test(self):
        self.model.eval()
        with torch.no_grad():
            return sum((self.model(x).argmax(1) == y).sum().item() for x, y in test_loader)


def client_update(model, loader, epochs=5, lr=0.05):
    model = copy.deepcopy(model)
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    return model


if __name__ == "__main__":
    server = Server(10)
    for rnd in range(100):
        clients = [client_update(server.model, loader) for loader in client_loaders]
        server.aggregate(clients)
        print(rnd, server.test())
