import argparse
import torch
from torchvision import models
from torch.nn import functional as F


def build(name):
    if name == "resnet18":
        return models.resnet18(num_classes=10)
    elif name == "resnet50":
        return models.resnet50(num_classes=10)
    elif name == "densenet":
        return models.densenet121(num_classes=10)
    raise ValueError(name)


def main(train_loader, test_loader):
    parser = argparse.ArgumentParser()
    parser.add_argument("--model")
    args = parser.parse_args()
    model = build(args.model).cuda()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for epoch in range(10):
        model.train()
        for x, y in train_loader:
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)  # expect: SN107 SN201
        print(epoch, hits)


from data import a, b

main(a, b)
