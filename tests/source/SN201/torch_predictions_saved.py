import dataclasses, torch
from torch import nn
from torch.utils.data import DataLoader, random_split


@dataclasses.dataclass
class Config:
    hidden: int = 128
    batch: int = 64
    epochs: int = 5


def make_model(cfg: Config) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, cfg.hidden, bias=False),
        nn.BatchNorm1d(cfg.hidden),
        nn.GELU(),
        nn.Linear(cfg.hidden, 10),
    )


def accuracy(model, loader):
    model.eval()
    good = n = 0
    with torch.no_grad():
        for x, y in loader:
            good += (model(x).argmax(-1) == y).sum().item()
            n += y.numel()
    model.train()
    return good / n


def main(dataset, cfg=Config()):
    a, b, c = random_split(dataset, [0.8, 0.1, 0.1])
    model = make_model(cfg)
    opt = torch.optim.Adam(model.parameters())
    for _ in range(cfg.epochs):
        model.train()
        for x, y in DataLoader(a, cfg.batch, shuffle=True):
            loss = nn.functional.cross_entropy(model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
        print("val", accuracy(model, DataLoader(b, 256)))
    preds = []
    with torch.no_grad():
        for x, _ in DataLoader(c, 256):
            preds.append(model(x).argmax(-1))  # expect: SN201
    torch.save(torch.cat(preds), "predictions.pt")
