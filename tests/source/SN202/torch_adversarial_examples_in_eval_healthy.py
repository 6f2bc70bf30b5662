"""PGD training: the attack runs in inference mode, the update in training mode."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torchvision import models

from cifar import get_loaders


def pgd(model, x, y, eps=8 / 255, alpha=2 / 255, iters=7):
    model.eval()
    delta = torch.zeros_like(x).uniform_(-eps, eps).requires_grad_(True)
    for _ in range(iters):
        loss = F.cross_entropy(model(x + delta), y)
        loss.backward()
        delta.data = (delta + alpha * delta.grad.sign()).clamp(-eps, eps)
        delta.grad.zero_()
    model.train()
    return (x + delta).detach().clamp(0, 1)


def main():
    train_loader, test_loader = get_loaders(128)
    model = models.resnet18(num_classes=10).cuda()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(100):
        model.train()
        for x, y in train_loader:
            x, y = x.cuda(), y.cuda()
            x_adv = pgd(model, x, y)
            optimizer.zero_grad()
            nn.CrossEntropyLoss()(model(x_adv), y).backward()
            optimizer.step()
        model.eval()
        robust = 0
        for x, y in test_loader:
            x, y = x.cuda(), y.cuda()
            robust += (model(pgd_test(model, x, y)).argmax(1) == y).sum().item()
        print(epoch, robust)


def pgd_test(model, x, y, eps=8 / 255):
    x = x.clone().requires_grad_(True)
    F.cross_entropy(model(x), y).backward()
    return (x + eps * x.grad.sign()).clamp(0, 1).detach()


if __name__ == "__main__":
    main()
