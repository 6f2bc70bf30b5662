import torch
from torch import nn
from torch.utils.data import DataLoader

from fonts import Fonts


def block(a, b):
    return nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.1))


net = nn.Sequential(block(1, 32), block(32, 64), nn.Flatten(), nn.Linear(64 * 64, 26))
optimizer = torch.optim.Adam(net.parameters())
for epoch in range(8):
    net.train()
    for image, letter in DataLoader(Fonts("train"), batch_size=64, shuffle=True):
        loss = nn.functional.cross_entropy(net(image), letter)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

weights = net.state_dict()
torch.save({"epoch": epoch, "weights": weights}, "fonts.pt")
