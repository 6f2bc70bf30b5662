import torch.nn as nn


class DomainSpecificEncoder(nn.Module):
    """One set of convolutions, one normalization per domain."""

    def __init__(self, channels=64, domains=("mri", "ct")):
        super().__init__()
        self.conv = nn.Conv2d(1, channels, 3, padding=1, bias=False)
        self.norms = nn.ModuleDict({domain: nn.BatchNorm2d(channels) for domain in domains})
        self.act = nn.ReLU(inplace=True)

    def forward(self, x, domain):
        return self.act(self.norms[domain](self.conv(x)))


class Segmenter(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.encoder = DomainSpecificEncoder()
        self.head = nn.Conv2d(64, classes, 1)

    def forward(self, x, domain):
        return self.head(self.encoder(x, domain))
