import torch
from torch import nn
from torch.utils.data import DataLoader

from faces import Faces


class EMA:
    def __init__(self, model, decay):
        self.model = model
        self.decay = decay
        self.shadow = {}
        self.backup = {}
        for name, param in self.model.named_parameters():
            if param.requires_grad:
                self.shadow[name] = param.data.clone()

    def update(self):
        for name, param in self.model.named_parameters():
            if param.requires_grad:
                old = self.shadow[name]
                self.shadow[name] = self.decay * old + (1.0 - self.decay) * param.data  # expect: SN305 likely

    def apply_shadow(self):
        for name, param in self.model.named_parameters():
            if param.requires_grad:
                self.backup[name] = param.data
                param.data = self.shadow[name]

    def restore(self):
        for name, param in self.model.named_parameters():
            if param.requires_grad:
                param.data = self.backup[name]
        self.backup = {}


def main():
    train_loader = DataLoader(Faces("train"), batch_size=64, shuffle=True)
    val_loader = DataLoader(Faces("val"), batch_size=64)
    model = nn.Sequential(
        nn.Conv2d(3, 64, 3, 2, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.Flatten(), nn.Linear(61504, 7)
    ).cuda()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    ema = EMA(model, 0.9995)
    for epoch in range(30):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x.cuda()), y.cuda()).backward()
            optimizer.step()
            ema.update()
        ema.apply_shadow()
        model.eval()
        with torch.no_grad():
            print(epoch, sum((model(x.cuda()).argmax(1).cpu() == y).sum().item() for x, y in val_loader))
        ema.restore()


if __name__ == "__main__":
    main()
