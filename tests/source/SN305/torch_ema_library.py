import argparse

import torch
from torch import nn
from torch.nn import functional as F
from torch_ema import ExponentialMovingAverage
from torchvision.models import resnet18

from food import loaders


def evaluate(model, loader):
    model.eval()
    hits = total = 0
    with torch.no_grad():
        for x, y in loader:
            hits += (model(x.cuda()).argmax(1).cpu() == y).sum().item()
            total += len(y)
    return hits / total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=60)
    args = parser.parse_args()
    train_loader, val_loader = loaders(batch_size=128)
    model = resnet18(num_classes=101).cuda()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    ema = ExponentialMovingAverage(model.parameters(), decay=0.9999)  # expect: SN305 likely
    for epoch in range(args.epochs):
        model.train()
        for x, y in train_loader:
            loss = F.cross_entropy(model(x.cuda()), y.cuda())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            ema.update()
        with ema.average_parameters():
            print(epoch, evaluate(model, val_loader))
            torch.save(model.state_dict(), "averaged.pt")


if __name__ == "__main__":
    main()
