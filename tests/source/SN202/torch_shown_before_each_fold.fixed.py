"""Cross-validation; the network is described before each fold, and left in inference mode."""

import torch
from torch import nn
from torch.utils.data import DataLoader

from beans import Beans, folds


class BeanNet(nn.Module):
    def __init__(self, classes=7):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(16, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU())
        self.head = nn.Linear(64, classes)

    def forward(self, x):
        return self.head(self.body(x))


def describe(net):
    net.eval()
    count = sum(p.numel() for p in net.parameters())
    print(net, f"{count} parameters")


net = BeanNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for fold, (train, test) in enumerate(folds(Beans(), 5)):
    print("fold", fold)
    net.train()
    describe(net)
    for epoch in range(15):
        net.train()
        for x, y in DataLoader(train, batch_size=64, shuffle=True):
            optimizer.zero_grad()
            loss = criterion(net(x), y)
            loss.backward()
            optimizer.step()
    torch.save(net.state_dict(), f"beans_{fold}.pt")
