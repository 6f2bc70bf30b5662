import numpy as np
import torch
import torch.nn as nn
from torchvision.utils import save_image

from digits import make_loader


class Generator(nn.Module):
    def __init__(self, latent):
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(latent, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 784), nn.Tanh()
        )

    def forward(self, z):
        return self.model(z).view(z.size(0), 1, 28, 28)


def main(latent=100):
    generator = Generator(latent)
    critic = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1))
    optimizer = torch.optim.Adam(generator.parameters(), 2e-4, betas=(0.5, 0.999))
    for step, images in enumerate(make_loader(batch_size=64)):
        z = torch.FloatTensor(np.random.normal(0, 1, (64, latent)))
        loss = -critic(generator(z)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 400 == 0:
            with torch.no_grad():
                save_image(generator(torch.FloatTensor(np.random.normal(0, 1, (25, latent)))), f"{step}.png")


if __name__ == "__main__":
    main()
