import argparse

import torch

from engine import evaluate, train_one_epoch
from model import ResNetSmall
from data import make_loaders


def main(args):
    device = torch.device(args.device)
    train_loader, val_loader = make_loaders(args.data)
    model = ResNetSmall(num_classes=10).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs)
    best = 0.0
    for epoch in range(args.epochs):
        train_one_epoch(model, train_loader, optimizer, device)
        scheduler.step()
        accuracy = evaluate(model, val_loader, device)
        if accuracy > best:
            best = accuracy
            torch.save({"model": model.state_dict(), "epoch": epoch}, args.output)
    print(f"best {best:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="data")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--output", default="best.pth")
    main(parser.parse_args())
