import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from waves import WaveDataset


class LitClassifier(pl.LightningModule):
    def __init__(self, hidden=128, lr=1e-3):
        super().__init__()
        self.save_hyperparameters()
        self.encoder = nn.Sequential(
            nn.Conv1d(12, hidden, 7, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.AdaptiveMaxPool1d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(hidden, 5)

    def forward(self, x):
        return self.head(self.encoder(x))

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.log("val_acc", (self(x).argmax(1) == y).float().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


def predict(path):
    model = LitClassifier.load_from_checkpoint(path)
    loader = DataLoader(WaveDataset("test"), batch_size=32)
    predictions = []
    model.eval()
    with torch.no_grad():
        for x, _ in loader:
            predictions.append(model(x).argmax(1))
    return torch.cat(predictions)


if __name__ == "__main__":
    torch.save(predict("logs/best.ckpt"), "predictions.pt")
