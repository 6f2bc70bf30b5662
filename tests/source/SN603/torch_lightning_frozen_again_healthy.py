import lightning as L
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet50

from birds import BirdsData


class Frozen(L.LightningModule):
    def __init__(self, classes=200):
        super().__init__()
        self.backbone = resnet50(weights="DEFAULT")
        self.backbone.fc = nn.Identity()
        self.freeze()
        self.head = nn.Linear(2048, classes)

    def freeze(self):
        self.backbone.eval()
        for parameter in self.backbone.parameters():
            parameter.requires_grad = False

    def forward(self, images):
        return self.head(self.backbone(images))

    def training_step(self, batch, _):
        images, labels = batch
        return F.cross_entropy(self(images), labels)

    def configure_optimizers(self):
        return torch.optim.Adam(self.head.parameters(), lr=1e-3)


class InTheStep(Frozen):
    def training_step(self, batch, index):
        self.backbone.eval()
        return super().training_step(batch, index)


class EveryEpoch(Frozen):
    def on_train_epoch_start(self):
        self.freeze()


class WhenTrainingStarts(Frozen):
    def on_train_start(self):
        self.backbone.eval()


class InForward(Frozen):
    def forward(self, images):
        self.backbone.eval()
        with torch.no_grad():
            features = self.backbone(images)
        return self.head(features)


if __name__ == "__main__":
    for kind in (InTheStep, EveryEpoch, WhenTrainingStarts, InForward):
        L.Trainer(max_epochs=5).fit(kind(), BirdsData(batch_size=32))
