import torch
from torch import nn

from facades import make_loader


class Base:
    def eval(self):
        for name in self.names:
            getattr(self, "net_" + name).eval()

    def train(self):
        for name in self.names:
            getattr(self, "net_" + name).train()

    def test(self):
        with torch.no_grad():
            self.forward()


class Painter(Base):
    def __init__(self):
        self.names = ["paint"]
        self.net_paint = nn.Sequential(
            nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.Conv2d(64, 3, 1), nn.Tanh()
        )
        self.optimizer = torch.optim.Adam(self.net_paint.parameters(), 2e-4)

    def set_input(self, batch):
        self.sketches, self.photos = batch

    def forward(self):
        self.painted = self.net_paint(self.sketches)

    def step(self):
        self.forward()
        loss = (self.painted - self.photos).abs().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


if __name__ == "__main__":
    painter = Painter()
    for epoch in range(100):
        for batch in make_loader("train"):
            painter.set_input(batch)
            painter.step()
    painter.eval()
    for batch in make_loader("val"):
        painter.set_input(batch)
        painter.test()
        torch.save(painter.painted, "painted.pt")
