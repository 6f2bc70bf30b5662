import pytorch_lightning as pl
import torch
import torch.nn as nn
import torch.nn.functional as F


class Forecaster(pl.LightningModule):
    def __init__(self, history=96, horizon=24, width=256):
        super().__init__()
        self.hidden = nn.Linear(history, width, bias=False)
        self.norm = nn.BatchNorm1d(width)
        self.out = nn.Sequential(nn.Linear(width, horizon, bias=False), nn.BatchNorm1d(horizon))  # expect: SN503

    def forward(self, x):
        return self.out(F.relu(self.norm(self.hidden(x))))

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.mse_loss(self(x), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.log("val_loss", F.mse_loss(self(x), y))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


if __name__ == "__main__":
    from electricity import ElectricityData

    trainer = pl.Trainer(max_epochs=20, accelerator="gpu")
    trainer.fit(Forecaster(), datamodule=ElectricityData(batch_size=256))
