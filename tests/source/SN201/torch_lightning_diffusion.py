"""Denoising diffusion of sprites; the epoch ends with samples."""

import pytorch_lightning as pl
import torch
import torch.nn as nn
import torch.nn.functional as F
from torchvision.utils import save_image
from torch.utils.data import DataLoader
from data import Sprites


class UNet(nn.Module):
    def __init__(self, ch=32):
        super().__init__()
        self.inc = nn.Sequential(nn.Conv2d(4, ch, 3, padding=1, bias=False), nn.BatchNorm2d(ch), nn.ReLU())
        self.mid = nn.Sequential(nn.Conv2d(ch, ch, 3, padding=1, bias=False), nn.BatchNorm2d(ch), nn.ReLU())
        self.out = nn.Conv2d(ch, 3, 1)

    def forward(self, x, t):
        t = t.view(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:]).float() / 1000
        return self.out(self.mid(self.inc(torch.cat([x, t], 1))))


class DDPM(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.model = UNet()
        betas = torch.linspace(1e-4, 0.02, 1000)
        self.register_buffer("alphas", torch.cumprod(1 - betas, 0))

    def training_step(self, batch, batch_idx):
        t = torch.randint(0, 1000, (len(batch),), device=self.device)
        noise = torch.randn_like(batch)
        a = self.alphas[t].view(-1, 1, 1, 1)
        noisy = a.sqrt() * batch + (1 - a).sqrt() * noise
        loss = F.mse_loss(self.model(noisy, t), noise)
        self.log("loss", loss)
        return loss

    @torch.no_grad()
    def sample(self, n=16):
        x = torch.randn(n, 3, 16, 16, device=self.device)
        for i in reversed(range(1000)):
            t = torch.full((n,), i, device=self.device)
            x = x - 0.01 * self.model(x, t)  # expect: SN107 SN201
        return x

    def on_train_epoch_end(self):
        save_image(self.sample(), f"epoch_{self.current_epoch}.png")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 1e-3)


if __name__ == "__main__":
    pl.Trainer(max_epochs=50).fit(DDPM(), DataLoader(Sprites(), batch_size=64, shuffle=True))
