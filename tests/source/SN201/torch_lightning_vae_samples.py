import pytorch_lightning as pl
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision.utils import save_image

from digits import Digits


class VAE(pl.LightningModule):
    def __init__(self, latent=20):
        super().__init__()
        self.latent = latent
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 400, bias=False), nn.BatchNorm1d(400), nn.ReLU(), nn.Linear(400, 2 * latent)
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, 400, bias=False), nn.BatchNorm1d(400), nn.ReLU(), nn.Linear(400, 784)
        )

    def forward(self, x):
        mu, logvar = self.encoder(x).chunk(2, 1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decoder(z), mu, logvar

    def training_step(self, batch, batch_idx):
        x, _ = batch
        recon, mu, logvar = self(x)
        bce = F.binary_cross_entropy_with_logits(recon, x.flatten(1), reduction="sum")
        kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        loss = (bce + kld) / len(x)
        self.log("train_loss", loss)
        return loss

    def on_train_epoch_end(self):
        z = torch.randn(64, self.latent).to(self.device)
        with torch.no_grad():
            images = torch.sigmoid(self.decoder(z)).view(64, 1, 28, 28)  # expect: SN107 SN201
        save_image(images, f"samples/{self.current_epoch:03d}.png")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def main():
    loader = DataLoader(Digits("train"), batch_size=128, shuffle=True)
    trainer = pl.Trainer(max_epochs=20)
    trainer.fit(VAE(), loader)


if __name__ == "__main__":
    main()
