import torch
import torch.nn as nn
import torch.nn.functional as F

from bci import loader


class EEGNet(nn.Module):
    def __init__(self, chans=22):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, (1, 64), bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, (chans, 1), bias=False)
        self.bn2 = nn.BatchNorm2d(16)
        self.fc = nn.Linear(16, 4)
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                m.weight.data.normal_(0, 0.02)

    def forward(self, x):
        x = F.elu(self.bn1(self.conv1(x)))
        x = F.elu(self.bn2(self.conv2(x)))
        return self.fc(x.mean((2, 3)))


class Experiment:
    def __init__(self, lr):
        self.net = EEGNet()
        self.opt = torch.optim.Adam(self.net.parameters(), lr=lr)

    def run(self, epochs):
        for _ in range(epochs):
            self.net.train()
            for x, y in loader(batch_size=64):
                self.opt.zero_grad()
                F.cross_entropy(self.net(x), y).backward()
                self.opt.step()


Experiment(1e-3).run(500)
