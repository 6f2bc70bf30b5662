import lightning.pytorch as pl
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.utils import make_grid

from faces import make_loader


class Samples(pl.Callback):
    def __init__(self, latent, every=5):
        self.noise, self.every = torch.randn(16, latent), every

    @torch.no_grad()
    def on_train_epoch_end(self, trainer, pl_module):
        if trainer.current_epoch % self.every == 0:
            images = pl_module.decoder(self.noise.to(pl_module.device))  # expect: SN107 SN201
            trainer.logger.experiment.add_image("samples", make_grid(images), trainer.current_epoch)


class AutoEncoder(pl.LightningModule):
    def __init__(self, latent=32):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 32, 4, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 256, latent))
        self.decoder = nn.Sequential(
            nn.Linear(latent, 32 * 256, bias=False),
            nn.BatchNorm1d(32 * 256),
            nn.ReLU(),
            nn.Unflatten(1, (32, 16, 16)),
            nn.ConvTranspose2d(32, 3, 4, 2, 1),
        )

    def training_step(self, batch, batch_idx):
        x, _ = batch
        z = self.encoder(x)
        loss = F.mse_loss(self.decoder(z), x) + 0.01 * z.pow(2).mean()
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 1e-3)


def main():
    model = AutoEncoder()
    trainer = pl.Trainer(max_epochs=100, callbacks=[Samples(32)])
    trainer.fit(model, make_loader("train"))


if __name__ == "__main__":
    main()
