import lightning as L
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from videos import Clips


class C3D(L.LightningModule):
    def __init__(self, classes=101):
        super().__init__()
        self.conv = nn.Conv3d(3, 64, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm3d(64)
        self.fc = nn.Linear(64, classes)

    def forward(self, clip):
        return self.fc(F.relu(self.bn(self.conv(clip))).mean((2, 3, 4)))

    def training_step(self, batch, batch_idx):
        clip, label = batch
        return F.cross_entropy(self(clip), label)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)

    def train_dataloader(self):
        return DataLoader(Clips("train"), batch_size=4, shuffle=True, num_workers=8)


if __name__ == "__main__":
    trainer = L.Trainer(
        accelerator="gpu", devices=8, strategy="ddp", max_epochs=45, sync_batchnorm=True
    )
    trainer.fit(C3D())
