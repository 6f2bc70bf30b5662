from dataclasses import dataclass, field
import torch.nn as nn


@dataclass
class NormCfg:
    eps: float = 1e-5
    momentum: float = 0.1


@dataclass
class Cfg:
    channels: list = field(default_factory=lambda: [16, 32])
    norm: NormCfg = field(default_factory=NormCfg)


class Net(nn.Module):
    def __init__(self, cfg: Cfg):
        super().__init__()
        self.layers = nn.ModuleList()
        c = 3
        for o in cfg.channels:
            self.layers.append(nn.Conv2d(c, o, 3, bias=False))
            self.layers.append(nn.BatchNorm2d(o, eps=cfg.norm.eps, momentum=cfg.norm.momentum))
            self.layers.append(nn.ReLU())
            c = o

    def forward(self, x):
        for l in self.layers:
            x = l(x)
        return x.mean((2, 3))


net = Net(Cfg())
