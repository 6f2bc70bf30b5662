"""A variational autoencoder, whose decoder is a method of it."""

import torch
from torch import nn
from torch.nn import functional as F
from torchvision import datasets, transforms
from torchvision.utils import save_image

train_loader = torch.utils.data.DataLoader(
    datasets.MNIST("d", train=True, transform=transforms.ToTensor()), batch_size=128, shuffle=True
)
test_loader = torch.utils.data.DataLoader(
    datasets.MNIST("d", train=False, transform=transforms.ToTensor()), batch_size=128
)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 400, bias=False)
        self.bn1 = nn.BatchNorm1d(400)
        self.fc2 = nn.Linear(400, 40)
        self.fc3 = nn.Linear(20, 400, bias=False)
        self.bn3 = nn.BatchNorm1d(400)
        self.fc4 = nn.Linear(400, 784)

    def encode(self, x):
        return self.fc2(F.relu(self.bn1(self.fc1(x)))).chunk(2, 1)

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.bn3(self.fc3(z)))))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 784))
        return self.decode(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def loss_function(recon, x, mu, logvar):
    return F.binary_cross_entropy(recon, x.view(-1, 784), reduction="sum") - 0.5 * torch.sum(
        1 + logvar - mu.pow(2) - logvar.exp()
    )


def train(epoch):
    model.train()
    for data, _ in train_loader:
        optimizer.zero_grad()
        recon, mu, logvar = model(data)
        loss = loss_function(recon, data, mu, logvar)
        loss.backward()
        optimizer.step()


def test(epoch):
    model.eval()
    total = 0
    with torch.no_grad():
        for data, _ in test_loader:
            recon, mu, logvar = model(data)
            total += loss_function(recon, data, mu, logvar).item()
    print(total)


if __name__ == "__main__":
    for epoch in range(1, 11):
        train(epoch)
        test(epoch)

        with torch.no_grad():
            sample = model.decode(torch.randn(64, 20))
            save_image(sample.view(64, 1, 28, 28), f"sample_{epoch}.png")
