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


class KeepsStatistics(L.Callback):
    def on_train_epoch_start(self, trainer, pl_module):
        for layer in pl_module.backbone.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eval()


if __name__ == "__main__":
    L.Trainer(max_epochs=5, callbacks=[KeepsStatistics()]).fit(Frozen(), BirdsData(batch_size=32))
