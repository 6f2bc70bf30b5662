import torch
from torch import nn


class Recognizer(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.fc1 = nn.Linear(n_in, n_hidden, bias=False)
        self.bn1 = nn.BatchNorm1d(n_hidden)
        self.fc2 = nn.Linear(n_hidden, n_hidden, bias=False)
        self.bn2 = nn.BatchNorm1d(n_hidden)
        self.out = nn.Linear(n_hidden, n_out)

    def forward(self, x):
        x = torch.relu(self.bn1(self.fc1(x)))
        x = self.bn2(self.fc2(x)).relu()
        return self.out(x)


class Trainer:
    def __init__(self):
        self.net = Recognizer(64, 128, 10)
        self.opt = torch.optim.Adam(self.net.parameters())

    def step(self, x, y):
        self.net.train()
        self.opt.zero_grad()
        loss = nn.functional.cross_entropy(self.net(x), y)
        loss.backward()
        self.opt.step()
