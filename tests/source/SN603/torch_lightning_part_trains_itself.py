import lightning as L
import timm
import torch
from torch import nn
from torch.nn import functional as F


class BirdNet(nn.Module):
    def __init__(self, species):
        super().__init__()
        self.backbone = timm.create_model("resnet50", pretrained=True, num_classes=0)
        self.head = nn.Linear(self.backbone.num_features, species)
        for p in self.backbone.parameters():
            p.requires_grad_(False)
        self.backbone.eval()  # expect: SN603 likely

    def forward(self, x):
        return self.head(self.backbone(x))


class Blur(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)

    def train(self, mode=True):
        return super().train(False)

    def forward(self, x):
        return self.pool(x)


class BirdTask(L.LightningModule):
    def __init__(self, species=200, lr=1e-3):
        super().__init__()
        self.blur = Blur()
        self.net = BirdNet(species)
        self.lr = lr

    def training_step(self, batch, batch_idx):
        x, y = batch
        return F.cross_entropy(self.net(self.blur(x)), y)

    def configure_optimizers(self):
        return torch.optim.Adam(self.net.head.parameters(), lr=self.lr)


if __name__ == "__main__":
    from birds import BirdData

    L.Trainer(max_epochs=20).fit(BirdTask(), BirdData(batch_size=64))
