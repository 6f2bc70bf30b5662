"""Two networks in a dict that are switched one after the other at the end of each epoch, and never back."""
import torch
from torch import nn, optim

from pairs import loaders


def tower(channels):
    return nn.Sequential(
        nn.Conv2d(channels, 32, 3, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )


def main(epochs):
    nets = {"photo": tower(3), "depth": tower(1)}
    head = nn.Linear(64, 20)
    parameters = [each for net in [*nets.values(), head] for each in net.parameters()]
    optimizer = optim.SGD(parameters, lr=0.01, momentum=0.9)
    train_loader, val_loader = loaders(64)
    for epoch in range(epochs):
        for net in nets.values():
            net.train()
        for photo, depth, label in train_loader:
            features = torch.cat([nets["photo"](photo), nets["depth"](depth)], 1)
            loss = nn.functional.cross_entropy(head(features), label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        for net in nets.values():
            net.eval()  # expect: SN203
        right = 0
        with torch.no_grad():
            for photo, depth, label in val_loader:
                features = torch.cat([nets["photo"](photo), nets["depth"](depth)], 1)
                right += (head(features).argmax(1) == label).sum().item()
        print(epoch, right)


if __name__ == "__main__":
    main(30)
