import copy
import lightning as L
import torch
from torch import nn
from torch.nn import functional as F


class EMACallback(L.Callback):
    def __init__(self, decay=0.999):
        self.decay = decay

    def on_fit_start(self, trainer, pl_module):
        self.ema = copy.deepcopy(pl_module).eval()

    @torch.no_grad()
    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        for ours, theirs in zip(self.ema.parameters(), pl_module.parameters()):
            ours.mul_(self.decay).add_(theirs, alpha=1 - self.decay)  # expect: SN305 likely

    def on_train_end(self, trainer, pl_module):
        torch.save(self.ema.state_dict(), "ema.pth")


class Lit(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, 32, 3, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(32, 10),
        )

    def training_step(self, batch, idx):
        x, y = batch
        return F.cross_entropy(self.net(x), y)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.001)


def main():
    from data import loader

    L.Trainer(max_epochs=10, callbacks=[EMACallback()]).fit(Lit(), loader)


if __name__ == "__main__":
    main()
