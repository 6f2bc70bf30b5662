"""A variational autoencoder with a decoder of its own class."""

import torch
from torch import nn
from torch.nn import functional as F
from torchvision.utils import save_image
from data import train_loader


class Dec(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc3 = nn.Linear(20, 400, bias=False)
        self.bn3 = nn.BatchNorm1d(400)
        self.fc4 = nn.Linear(400, 784)

    def forward(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.bn3(self.fc3(z)))))


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(784, 400, bias=False), nn.ReLU(), nn.Linear(400, 40))
        self.dec = Dec()

    def decode(self, z):
        return self.dec(z)

    def forward(self, x):
        mu, logvar = self.enc(x.view(-1, 784)).chunk(2, 1)
        return self.decode(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu))


model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(10):
    model.train()
    for x, _ in train_loader:
        loss = F.mse_loss(model(x), x.view(-1, 784))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        save_image(model.decode(torch.randn(64, 20)).view(-1, 1, 28, 28), f"{epoch}.png")
