import lightning as L
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST


class Autoencoder(L.LightningModule):
    def __init__(self, latent=64):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 4, 2, 1, bias=False),
            nn.BatchNorm2d(16),
            nn.GELU(),
            nn.Conv2d(16, 32, 4, 2, 1, bias=False),
            nn.BatchNorm2d(32),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(32 * 49, latent),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, 32 * 49),
            nn.Unflatten(1, (32, 7, 7)),
            nn.GELU(),
            nn.ConvTranspose2d(32, 16, 4, 2, 1),
            nn.GELU(),
            nn.ConvTranspose2d(16, 1, 4, 2, 1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))

    def training_step(self, batch, _):
        x, _ = batch
        return F.mse_loss(self(x), x)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


class ReconstructionCallback(L.Callback):
    def __init__(self, samples, every_n_steps=200):
        self.samples = samples
        self.every_n_steps = every_n_steps

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_step % self.every_n_steps == 0:
            with torch.no_grad():
                pl_module.eval()
                images = pl_module(self.samples.to(pl_module.device))
                pl_module.train()
            grid = torchvision.utils.make_grid(images, nrow=8)
            trainer.logger.experiment.add_image("reconstructions", grid, global_step=trainer.global_step)


if __name__ == "__main__":
    dataset = MNIST("data", download=True, transform=torchvision.transforms.ToTensor())
    loader = DataLoader(dataset, batch_size=64, shuffle=True)
    samples = torch.stack([dataset[i][0] for i in range(16)])
    trainer = L.Trainer(max_epochs=5, callbacks=[ReconstructionCallback(samples)])
    trainer.fit(Autoencoder(), loader)
