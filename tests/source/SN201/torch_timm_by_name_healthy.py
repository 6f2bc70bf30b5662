import argparse
import timm
import torch
from torch import nn


def train_one_epoch(model, loader, optimizer, criterion, device):
    model.train()
    for images, targets in loader:
        images, targets = images.to(device), targets.to(device)
        loss = criterion(model(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def evaluate(model, loader, device):
    correct = total = 0
    model.eval()
    with torch.no_grad():
        for images, targets in loader:
            output = model(images.to(device))
            correct += (output.argmax(1).cpu() == targets).sum().item()
            total += len(targets)
    return correct / total


def main(args):
    from data import loaders

    train_loader, val_loader = loaders(args)
    device = torch.device("cuda")
    model = timm.create_model(args.model, pretrained=args.pretrained, num_classes=args.num_classes)
    model = model.to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(args.epochs):
        train_one_epoch(model, train_loader, optimizer, criterion, device)
        print(epoch, evaluate(model, val_loader, device))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--pretrained", action="store_true")
    parser.add_argument("--num-classes", type=int, default=37)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--epochs", type=int, default=10)
    main(parser.parse_args())
