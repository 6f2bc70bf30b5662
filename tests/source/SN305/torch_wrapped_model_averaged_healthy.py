import copy
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader
from torchvision import models

from coco import Coco


def is_parallel(model):
    return type(model) in (nn.parallel.DataParallel, nn.parallel.DistributedDataParallel)


def de_parallel(model):
    return model.module if is_parallel(model) else model


class ModelEMA:
    def __init__(self, model, decay=0.9999, tau=2000):
        self.ema = copy.deepcopy(de_parallel(model)).eval()
        self.updates = 0
        self.decay = lambda x: decay * (1 - math.exp(-x / tau))
        for p in self.ema.parameters():
            p.requires_grad_(False)

    def update(self, model):
        self.updates += 1
        d = self.decay(self.updates)
        msd = de_parallel(model).state_dict()
        for k, v in self.ema.state_dict().items():
            if v.dtype.is_floating_point:
                v *= d
                v += (1 - d) * msd[k].detach()


def train():
    model = models.resnet50(num_classes=80).cuda()
    ema = ModelEMA(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loader = DataLoader(Coco("train"), batch_size=64, shuffle=True)
    val = DataLoader(Coco("val"), batch_size=64)
    for epoch in range(300):
        model.train()
        for x, y in loader:
            loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            ema.update(model)
        with torch.no_grad():
            print(sum((ema.ema(x.cuda()).argmax(1).cpu() == y).sum() for x, y in val))
        torch.save({"ema": copy.deepcopy(ema.ema).half()}, "last.pt")


train()
