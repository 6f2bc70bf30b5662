import torch
from torch import nn
from torch.nn import functional as F

NORMS = {"BN": nn.BatchNorm2d, "IN": nn.InstanceNorm2d, "none": nn.Identity}


class Block(nn.Module):
    def __init__(self, c_in, c_out, norm="BN"):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, padding=1, bias=False)
        self.norm = NORMS[norm](c_out)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(Block(3, 32), Block(32, 64))
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


def main(args, train_loader, test_loader):
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for epoch in range(10):
        for x, y in train_loader:
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)  # expect: SN107 SN201
        print(epoch, hits)
