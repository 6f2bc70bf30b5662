import logging
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

from dataset import SpectrogramDataset

logger = logging.getLogger(__name__)


class AudioCNN(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(1, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.AvgPool2d(2)
        )
        self.fc = nn.Linear(64, n_classes)

    def forward(self, x):
        return self.fc(self.block(x).amax(dim=(2, 3)))


class Trainer:
    def __init__(self, config):
        self.config = config
        self.device = torch.device(config["device"])
        self.model = AudioCNN(config["n_classes"]).to(self.device)
        self.loss_fn = nn.BCEWithLogitsLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.train_loader = DataLoader(SpectrogramDataset("train"), batch_size=64, shuffle=True)
        self.val_loader = DataLoader(SpectrogramDataset("val"), batch_size=64)

    def fit(self):
        best = float("inf")
        for epoch in range(self.config["epochs"]):
            self.train_epoch()
            loss = self.validate()
            logger.info("epoch %d: %.4f", epoch, loss)
            if loss < best:
                best = loss
                torch.save(self.model.state_dict(), Path(self.config["out"]) / "best.pt")

    def train_epoch(self):
        self.model.train()
        for spec, target in self.train_loader:
            pred = self.model(spec.to(self.device))
            loss = self.loss_fn(pred, target.to(self.device))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    def validate(self):
        total = 0.0
        with torch.no_grad():
            for spec, target in self.val_loader:
                pred = self.model(spec.to(self.device))  # expect: SN201 SN107
                total += self.loss_fn(pred, target.to(self.device)).item()
        return total / len(self.val_loader)


if __name__ == "__main__":
    Trainer({"device": "cuda", "n_classes": 50, "epochs": 100, "out": "runs"}).fit()
