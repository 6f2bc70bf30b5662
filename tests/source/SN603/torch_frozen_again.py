import torch
import torch.nn as nn

from leaves import make_loader


class LeafNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 3, bias=False), nn.BatchNorm2d(32), nn.ReLU())
        self.block = nn.Sequential(nn.Conv2d(32, 64, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU())
        self.head = nn.Linear(64, classes)

    def forward(self, x):
        return self.head(self.block(self.stem(x)).mean((2, 3)))


def freeze_bn(module):
    for m in module.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.eval()  # expect: SN603
            m.weight.requires_grad = False
            m.bias.requires_grad = False


def train_one_epoch(model, loader, optimizer):
    model.train()
    for images, labels in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()


def main(weights, batch_size):
    model = LeafNet(12)
    model.load_state_dict(torch.load(weights))
    freeze_bn(model.stem)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-4)
    for epoch in range(5):
        train_one_epoch(model, make_loader("train", batch_size), optimizer)
    torch.save(model.state_dict(), "leaves.pt")
