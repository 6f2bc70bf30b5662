import torch
from torch import nn

from facades import make_loader


class Painter:
    def __init__(self, opt):
        self.names = opt.names.split(",")
        self.net_paint = nn.Sequential(
            nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.Conv2d(64, 3, 1), nn.Tanh()
        )
        self.optimizer = torch.optim.Adam(self.net_paint.parameters(), 2e-4)

    def train(self):
        for name in self.names:
            getattr(self, "net_" + name).train()

    def eval(self):
        for name in self.names:
            getattr(self, "net_" + name).eval()

    def step(self, sketches, photos):
        loss = (self.net_paint(sketches) - photos).abs().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    @torch.no_grad()
    def score(self, loader):
        return sum((self.net_paint(sketches) - photos).abs().mean() for sketches, photos in loader)


def main(opt):
    painter = Painter(opt)
    for epoch in range(100):
        painter.train()
        for sketches, photos in make_loader("train"):
            painter.step(sketches, photos)
        painter.eval()
        print(epoch, painter.score(make_loader("val")))
