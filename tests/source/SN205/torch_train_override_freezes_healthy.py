import torch.nn as nn


class FrozenStemNet(nn.Module):
    def __init__(self, stem, head, frozen_stages=1):
        super().__init__()
        self.stem = stem
        self.bn = nn.BatchNorm2d(64)
        self.head = head
        self.frozen_stages = frozen_stages

    def train(self, mode=True):
        super(FrozenStemNet, self).train(mode)
        if mode and self.frozen_stages > 0:
            self.stem.eval()
            for parameter in self.stem.parameters():
                parameter.requires_grad = False
        return self

    def forward(self, x):
        return self.head(self.bn(self.stem(x)))


class Wrapper(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def train(self, mode: bool = True):
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self):
        return self.train(False)

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)
