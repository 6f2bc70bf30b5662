"""A generative adversarial network that shows samples at the end of each epoch."""

import lightning as L
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from faces import Faces


class Generator(nn.Module):
    def __init__(self, latent=100):
        super().__init__()
        self.net = nn.Sequential(
            nn.ConvTranspose2d(latent, 256, 4, bias=False),
            nn.BatchNorm2d(256),
            nn.ReLU(),
            nn.ConvTranspose2d(256, 64, 4, 2, 1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 3, 4, 2, 1),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.net(z)


class GAN(L.LightningModule):
    def __init__(self, latent=100, lr=2e-4):
        super().__init__()
        self.automatic_optimization = False
        self.latent, self.lr = latent, lr
        self.generator = Generator(latent)
        self.critic = nn.Sequential(nn.Conv2d(3, 64, 4, 2, 1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(64 * 64, 1))
        self.fixed = torch.randn(64, latent, 1, 1)

    def training_step(self, batch, batch_idx):
        images, _ = batch
        opt_g, opt_d = self.optimizers()
        z = torch.randn(images.size(0), self.latent, 1, 1, device=self.device)
        fake = self.generator(z)
        g_loss = F.softplus(-self.critic(fake)).mean()
        opt_g.zero_grad()
        self.manual_backward(g_loss)
        opt_g.step()
        d_loss = F.softplus(-self.critic(images)).mean() + F.softplus(self.critic(fake.detach())).mean()
        opt_d.zero_grad()
        self.manual_backward(d_loss)
        opt_d.step()

    def on_train_epoch_end(self):
        self.generator.eval()
        with torch.no_grad():
            samples = self.generator(self.fixed.to(self.device))
        self.generator.train()
        grid = torchvision.utils.make_grid(samples, nrow=8, normalize=True)
        self.logger.experiment.add_image("samples", grid, self.current_epoch)

    def configure_optimizers(self):
        return (
            torch.optim.Adam(self.generator.parameters(), self.lr, betas=(0.5, 0.999)),
            torch.optim.Adam(self.critic.parameters(), self.lr, betas=(0.5, 0.999)),
        )


if __name__ == "__main__":
    loader = DataLoader(Faces("train"), batch_size=64, shuffle=True, num_workers=4)
    L.Trainer(max_epochs=50).fit(GAN(), loader)
