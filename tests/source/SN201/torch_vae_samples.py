"""Basic variational autoencoder; new digits are drawn after each epoch."""

import argparse

import torch
from torch import nn, optim
from torch.nn import functional as F
from torchvision import datasets, transforms
from torchvision.utils import save_image


class Decoder(nn.Module):
    def __init__(self, latent):
        super().__init__()
        self.fc1 = nn.Linear(latent, 400, bias=False)
        self.bn1 = nn.BatchNorm1d(400)
        self.fc2 = nn.Linear(400, 784)

    def forward(self, z):
        return self.fc2(F.relu(self.bn1(self.fc1(z))))


class VAE(nn.Module):
    def __init__(self, latent=20):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 2 * latent))
        self.decoder = Decoder(latent)

    def forward(self, x):
        mu, logvar = self.encoder(x.view(-1, 784)).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(logvar)
        return self.decoder(z), mu, logvar


def loss_function(recon, x, mu, logvar):
    bce = F.binary_cross_entropy_with_logits(recon, x.view(-1, 784), reduction="sum")
    return bce - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


def train(model, device, loader, optimizer):
    model.train()
    for data, _ in loader:
        data = data.to(device)
        optimizer.zero_grad()
        recon, mu, logvar = model(data)
        loss = loss_function(recon, data, mu, logvar)
        loss.backward()
        optimizer.step()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = datasets.MNIST("../data", train=True, transform=transforms.ToTensor())
    loader = torch.utils.data.DataLoader(data, batch_size=128, shuffle=True)
    model = VAE().to(device)
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(1, args.epochs + 1):
        train(model, device, loader, optimizer)
        with torch.no_grad():
            sample = torch.randn(64, 20).to(device)
            sample = torch.sigmoid(model.decoder(sample)).cpu()  # expect: SN107 SN201
            save_image(sample.view(64, 1, 28, 28), "results/sample_" + str(epoch) + ".png")


if __name__ == "__main__":
    main()
