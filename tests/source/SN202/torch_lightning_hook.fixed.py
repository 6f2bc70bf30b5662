import pytorch_lightning as pl
import torch
from digits import Digits
from torch import nn


class Classifier(pl.LightningModule):
    def __init__(self, classes=10):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 8, 3, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(8 * 26 * 26, classes),
        )

    def on_train_epoch_start(self):
        self.net.train()

    def training_step(self, batch, idx):
        x, y = batch
        return nn.functional.cross_entropy(self.net(x), y)  # expect: SN202

    def validation_step(self, batch, idx):
        x, y = batch
        self.log("accuracy", (self.net(x).argmax(1) == y).float().mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


if __name__ == "__main__":
    train = torch.utils.data.DataLoader(Digits("train"), 64, shuffle=True)
    val = torch.utils.data.DataLoader(Digits("val"), 64)
    pl.Trainer(max_epochs=2, logger=False, enable_checkpointing=False).fit(Classifier(), train, val)
