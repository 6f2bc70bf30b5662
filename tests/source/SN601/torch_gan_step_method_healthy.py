import torch
from torch import nn

from facades import make_loader


class Painter:
    def __init__(self):
        self.generator = nn.Sequential(
            nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.Conv2d(64, 3, 1), nn.Tanh()
        )
        self.critic = nn.Sequential(
            nn.Conv2d(3, 64, 4, 2, bias=False), nn.BatchNorm2d(64), nn.LeakyReLU(0.2), nn.Conv2d(64, 1, 4)
        )
        self.for_generator = torch.optim.Adam(self.generator.parameters(), 2e-4)
        self.for_critic = torch.optim.Adam(self.critic.parameters(), 2e-4)

    def step(self, sketches, photos):
        count = len(photos)
        painted = self.generator(sketches)
        self.critic.requires_grad_(True)
        scores = self.critic(torch.cat([photos, painted.detach()]))
        loss = nn.functional.softplus(-scores[:count]).mean() + nn.functional.softplus(scores[count:]).mean()
        self.for_critic.zero_grad()
        loss.backward()
        self.for_critic.step()
        self.critic.requires_grad_(False)
        scores = self.critic(torch.cat([photos, painted]))
        loss = nn.functional.softplus(-scores[count:]).mean() + (painted - photos).abs().mean()
        self.for_generator.zero_grad()
        loss.backward()
        self.for_generator.step()


if __name__ == "__main__":
    painter = Painter()
    sketches, photos = next(iter(make_loader()))
    painter.step(sketches, photos)
