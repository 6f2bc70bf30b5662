import argparse
import torch
import torch.nn as nn
import models
from data import train_loader, val_loader

parser = argparse.ArgumentParser()
parser.add_argument("--arch", default="resnet20")

def main():
    args = parser.parse_args()
    model = torch.nn.DataParallel(models.__dict__[args.arch](num_classes=10))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for epoch in range(10):
        train(model, optimizer)
        print(validate(model))

def train(model, optimizer):
    model.train()
    for x, y in train_loader:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

def validate(model):
    model.eval()
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)

main()
