import torch
from data import loaders
from torch import nn
from torch.nn import functional as F
from torchvision.models import resnet18


class Transfer(nn.Module):
    """The parameters and the mode are frozen: the undone mode is what moves the statistics, and what is told."""

    def __init__(self):
        super().__init__()
        self.backbone = resnet18(weights="DEFAULT")
        self.backbone.fc = nn.Identity()
        self.head = nn.Linear(512, 10)
        self.freeze()

    def freeze(self):
        for parameter in self.backbone.parameters():
            parameter.requires_grad = False
        self.backbone.eval()  # expect: SN603

    def forward(self, x):
        return self.head(self.backbone(x))


def main():
    train_loader, valid_loader = loaders()
    model = Transfer()
    optimizer = torch.optim.Adam(model.head.parameters(), lr=1e-3)
    for epoch in range(10):
        model.train()
        for x, y in train_loader:
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            print(epoch, sum((model(x).argmax(1) == y).sum().item() for x, y in valid_loader))


if __name__ == "__main__":
    main()
