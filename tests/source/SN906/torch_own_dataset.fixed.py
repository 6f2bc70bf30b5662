import glob

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class NpyDataset(Dataset):
    def __init__(self, pattern):
        self.files = sorted(glob.glob(pattern))

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        sample = np.load(self.files[index])
        return torch.from_numpy(sample["x"]).float(), int(sample["y"])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(6, 64, 11, bias=False)
        self.bn = nn.BatchNorm1d(64)
        self.fc = nn.Linear(64, 8)

    def forward(self, x):
        return self.fc(torch.relu(self.bn(self.conv(x))).mean(-1))


def fit(net, loader, epochs):
    optimizer = torch.optim.Adam(net.parameters())
    for epoch in range(epochs):
        net.train()
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
            optimizer.step()


if __name__ == "__main__":
    loader = DataLoader(
        NpyDataset("windows/*.npz"), batch_size=64, shuffle=True, drop_last=True
    )
    net = Net()
    fit(net, loader, 30)
    torch.save(net.state_dict(), "net.pt")
