import argparse

import torch
from torch import nn
from torchvision import datasets, transforms


def parse_args():
    parser = argparse.ArgumentParser(description="Fashion-MNIST")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--lr", type=float, default=1e-3)
    return parser.parse_args()


def build():
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 256, bias=False),
        nn.BatchNorm1d(256, 1e-3, 0.01),
        nn.ReLU(),
        nn.Linear(256, 10),
    )


def main():
    args = parse_args()
    data = datasets.FashionMNIST("data", train=True, download=True, transform=transforms.ToTensor())
    loader = torch.utils.data.DataLoader(data, batch_size=args.batch_size, shuffle=True)
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    loss_fn = nn.CrossEntropyLoss()
    for epoch in range(args.epochs):
        model.train()
        for images, labels in loader:
            optimizer.zero_grad()
            loss_fn(model(images), labels).backward()
            optimizer.step()
    model.eval()
    test = datasets.FashionMNIST("data", train=False, transform=transforms.ToTensor())
    with torch.no_grad():
        hits = sum((model(x).argmax(1) == y).sum().item() for x, y in torch.utils.data.DataLoader(test, 500))
    print(hits / len(test))


if __name__ == "__main__":
    main()
