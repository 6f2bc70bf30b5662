import numpy as np
import torch
import torch.nn as nn
from torchvision.utils import save_image

from digits import make_loader

cuda = torch.cuda.is_available()
Tensor = torch.cuda.FloatTensor if cuda else torch.FloatTensor


class Generator(nn.Module):
    def __init__(self, latent, codes):
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(latent + codes, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 784), nn.Tanh()
        )

    def forward(self, z, code):
        return self.model(torch.cat((z, code), 1)).view(z.size(0), 1, 28, 28)


generator = Generator(62, 2)
critic = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1))
if cuda:
    generator.cuda()
    critic.cuda()
optimizer = torch.optim.Adam(generator.parameters(), 2e-4, betas=(0.5, 0.999))
still = Tensor(np.zeros((100, 62)))


def show(step):
    z = Tensor(np.random.normal(0, 1, (100, 62)))
    codes = np.repeat(np.linspace(-1, 1, 10)[:, np.newaxis], 10, 0)
    code = Tensor(np.concatenate((codes, np.zeros((100, 1))), -1))
    save_image(generator(z, code).data, f"images/{step}.png", nrow=10)
    save_image(generator(still, code).data, f"images/still_{step}.png", nrow=10)


for step, images in enumerate(make_loader(batch_size=64)):
    z = Tensor(np.random.normal(0, 1, (64, 62)))
    code = Tensor(np.random.uniform(-1, 1, (64, 2)))
    loss = -critic(generator(z, code)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 400 == 0:
        show(step)
