import torch
import torch.nn as nn
from torchvision import models

from loaders import loaders


def freeze_norms(model):
    for m in model.modules():
        if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)):
            m.eval()


class Student(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = models.resnet18(num_classes=100)

    def forward(self, x):
        return self.net(x)


def main():
    train_loader, val_loader = loaders(batch_size=64)
    teacher = models.resnet152(weights="DEFAULT")
    for p in teacher.parameters():
        p.requires_grad = False
    teacher.eval()
    student = Student()
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    for epoch in range(100):
        student.train()
        if epoch >= 90:
            freeze_norms(student)
        for x, y in train_loader:
            with torch.no_grad():
                soft = teacher(x).softmax(1)
            loss = -(soft[:, :100] * student(x).log_softmax(1)).sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        student.eval()
        with torch.no_grad():
            print(epoch, sum((student(x).argmax(1) == y).sum().item() for x, y in val_loader))


if __name__ == "__main__":
    main()
