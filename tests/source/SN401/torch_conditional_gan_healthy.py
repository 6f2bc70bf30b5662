"""A GAN that draws what it is told to; its discriminator finds odd pictures afterwards."""

import torch
from torch import nn

import sketches


class Generator(nn.Module):
    def __init__(self, kinds):
        super().__init__()
        self.kind = nn.Embedding(kinds, 16)
        self.body = nn.Sequential(nn.Linear(80, 256), nn.ReLU(), nn.Linear(256, 784), nn.Tanh())

    def forward(self, z, kind):
        return self.body(torch.cat([z, self.kind(kind)], 1))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 256, bias=False)
        self.norm = nn.BatchNorm1d(256)
        self.score = nn.Linear(256, 1)

    def forward(self, x):
        return self.score(nn.functional.leaky_relu(self.norm(self.hidden(x)), 0.2))


generator, discriminator = Generator(10), Discriminator()
g_optimizer = torch.optim.Adam(generator.parameters(), 2e-4)
d_optimizer = torch.optim.Adam(discriminator.parameters(), 2e-4)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(50):
    discriminator.train()
    for drawings, kinds in sketches.batches(64):
        fake = generator(torch.randn(64, 64), kinds)
        real_score, fake_score = discriminator(torch.cat([drawings, fake.detach()])).chunk(2)
        d_loss = criterion(real_score, torch.ones(64, 1)) + criterion(fake_score, torch.zeros(64, 1))
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()
        for parameter in discriminator.parameters():
            parameter.requires_grad_(False)
        discriminator.eval()
        g_loss = criterion(discriminator(fake), torch.ones(64, 1))
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        discriminator.train()
        for parameter in discriminator.parameters():
            parameter.requires_grad_(True)
discriminator.eval()
with torch.no_grad():
    torch.save([discriminator(drawings) for drawings, _ in sketches.held_out(64)], "odd.pt")
