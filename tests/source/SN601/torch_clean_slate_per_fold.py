import torch
from torch import nn
from torchvision.models import resnet18

from leaves import make_loader


def main():
    for fold in range(5):
        model = resnet18(weights="DEFAULT")
        for parameter in model.parameters():
            parameter.requires_grad = True
        for parameter in model.parameters():
            parameter.requires_grad = False  # expect: SN601
        model.fc = nn.Linear(512, 12)
        optimizer = torch.optim.Adam(model.fc.parameters(), 1e-3)
        model.train()
        for images, labels in make_loader(fold):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        torch.save(model.state_dict(), f"leaves{fold}.pt")


if __name__ == "__main__":
    main()
