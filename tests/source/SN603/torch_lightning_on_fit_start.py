import lightning as L
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet50

from birds import BirdsData


class Frozen(L.LightningModule):
    """Lightning calls this hook before the sanity check, and train() behind that; another hook freezes for good."""

    def __init__(self, classes=200):
        super().__init__()
        self.backbone = resnet50(weights="DEFAULT")
        self.backbone.fc = nn.Identity()
        self.head = nn.Linear(2048, classes)

    def on_fit_start(self):
        self.backbone.eval()  # expect: SN603 likely
        for parameter in self.backbone.parameters():
            parameter.requires_grad = False

    def forward(self, images):
        return self.head(self.backbone(images))

    def training_step(self, batch, _):
        images, labels = batch
        return F.cross_entropy(self(images), labels)

    def configure_optimizers(self):
        return torch.optim.Adam(self.head.parameters(), lr=1e-3)


if __name__ == "__main__":
    L.Trainer(max_epochs=5).fit(Frozen(), BirdsData(batch_size=32))
