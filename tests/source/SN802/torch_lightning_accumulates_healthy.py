import pytorch_lightning as pl
import segmentation_models_pytorch as smp
import torch
from torch.utils.data import DataLoader

from organs import OrganSlices


class OrganModel(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = smp.UnetPlusPlus("resnet34", classes=4)
        self.loss = smp.losses.DiceLoss("multiclass")

    def training_step(self, batch, batch_idx):
        image, mask = batch
        return self.loss(self.net(image), mask)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-4)


def main():
    loader = DataLoader(OrganSlices("train"), batch_size=8, shuffle=True)
    trainer = pl.Trainer(max_epochs=50)
    trainer.fit(OrganModel(), loader)


if __name__ == "__main__":
    main()
