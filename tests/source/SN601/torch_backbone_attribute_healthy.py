import pytorch_lightning as pl
import timm
import torch
import torch.nn.functional as F
from torch import nn


class Probe(pl.LightningModule):
    def __init__(self, classes=20):
        super().__init__()
        self.backbone = timm.create_model("resnet50", pretrained=True, num_classes=0)
        self.backbone.requires_grad_(False)
        self.head = nn.Linear(2048, classes)

    def on_train_epoch_start(self):
        self.backbone.eval()

    def forward(self, x):
        return self.head(self.backbone(x))

    def training_step(self, batch, batch_idx):
        x, y = batch
        return F.cross_entropy(self(x), y)

    def configure_optimizers(self):
        return torch.optim.SGD(self.head.parameters(), lr=0.1)


if __name__ == "__main__":
    from satellite import SatelliteData

    pl.Trainer(max_epochs=10).fit(Probe(), datamodule=SatelliteData(batch_size=64))
