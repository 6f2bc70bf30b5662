import torch
import torch.nn as nn
from torch.utils.data import DataLoader
from torchvision.datasets import CIFAR10
from torchvision.models import resnet18
from torchvision.transforms import ToTensor


def batch_loss(model, batch, criterion):
    images, labels = batch
    return criterion(model(images), labels)


def fit(epochs=10):
    train_loader = DataLoader(CIFAR10("data", train=True, transform=ToTensor()), batch_size=128, shuffle=True)
    val_loader = DataLoader(CIFAR10("data", train=False, transform=ToTensor()), batch_size=256)
    model = resnet18(num_classes=10)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(epochs):
        model.train()
        for batch in train_loader:
            loss = batch_loss(model, batch, criterion)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            losses = [batch_loss(model, batch, criterion).item() for batch in val_loader]  # expect: SN107 SN201
        print(epoch, sum(losses) / len(losses))


fit()
