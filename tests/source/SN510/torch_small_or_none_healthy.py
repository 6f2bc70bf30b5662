import torch.nn as nn

# TensorFlow's 0.99 and 0.9997
BN_MOM = 0.01
_BN_MOMENTUM = 1 - 0.9997


def norm(channels, momentum=0.1):
    return nn.BatchNorm2d(channels, momentum=momentum)


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(channels, eps=1e-3, momentum=BN_MOM),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels, momentum=_BN_MOMENTUM),
            nn.ReLU(),
            norm(channels),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels, momentum=None),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels, momentum=1.0),
            nn.ReLU(),
        )

    def forward(self, x):
        return x + self.layers(x)
