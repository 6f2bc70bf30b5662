import torch
from torch import nn

from celeb import make_loader


def set_requires_grad(net, flag):
    for parameter in net.parameters():
        parameter.requires_grad = flag


def main():
    generator = nn.Sequential(
        nn.ConvTranspose2d(100, 64, 4, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.Conv2d(64, 3, 3), nn.Tanh()
    )
    critic = nn.Sequential(
        nn.Conv2d(3, 64, 2, bias=False), nn.BatchNorm2d(64), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(64, 1)
    )
    for_generator = torch.optim.Adam(generator.parameters(), 2e-4)
    for_critic = torch.optim.Adam(critic.parameters(), 2e-4)
    for epoch in range(100):
        for images in make_loader():
            count = len(images)
            fakes = generator(torch.randn(count, 100, 1, 1))
            set_requires_grad(critic, True)
            scores = critic(torch.cat([images, fakes.detach()]))
            loss = nn.functional.softplus(-scores[:count]).mean() + nn.functional.softplus(scores[count:]).mean()
            for_critic.zero_grad()
            loss.backward()
            for_critic.step()
            set_requires_grad(critic, False)
            scores = critic(torch.cat([images, fakes]))
            loss = nn.functional.softplus(-scores[count:]).mean()
            for_generator.zero_grad()
            loss.backward()
            for_generator.step()


if __name__ == "__main__":
    main()
