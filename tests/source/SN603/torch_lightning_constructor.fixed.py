import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet34


class Segmenter(pl.LightningModule):
    def __init__(self, classes=12):
        super().__init__()
        encoder = resnet34(weights="DEFAULT")
        self.encoder = nn.Sequential(*list(encoder.children())[:-2])
        self.encoder.eval()
        for p in self.encoder.parameters():
            p.requires_grad = False
        self.head = nn.Conv2d(512, classes, 1)

    def train(self, mode=True):
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, x):
        return F.interpolate(self.head(self.encoder(x)), size=x.shape[-2:], mode="bilinear")

    def training_step(self, batch, batch_idx):
        x, y = batch
        return F.cross_entropy(self(x), y)

    def configure_optimizers(self):
        return torch.optim.Adam(self.head.parameters(), lr=1e-3)


if __name__ == "__main__":
    from rooms import RoomsData

    pl.Trainer(max_epochs=30, devices=1).fit(Segmenter(), RoomsData(batch_size=16))
