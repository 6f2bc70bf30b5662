"""Usage: python train.py --config configs/base.yaml"""

import argparse

import torch

from lib.losses import FocalLoss
from lib.networks import build_network
from lib.validation import run_validation
from lib.loaders import build_loaders


def main(args):
    train_loader, val_loader = build_loaders(args)
    network = build_network(args.classes).cuda()
    criterion = FocalLoss()
    optimizer = torch.optim.RMSprop(network.parameters(), lr=args.lr)
    network.train()
    best = 0.0
    for epoch in range(args.epochs):
        for images, labels in train_loader:
            loss = criterion(network(images.cuda()), labels.cuda())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        score = run_validation(network, val_loader)
        if score > best:
            best = score
            torch.save(network.state_dict(), args.output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--classes", type=int, default=80)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--output", default="best.pth")
    main(parser.parse_args())
