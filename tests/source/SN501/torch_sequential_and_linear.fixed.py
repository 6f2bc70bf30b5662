from torch import nn


def mlp(sizes, dropout=0.0):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b, bias=False))  # expect: SN501
        layers.append(nn.BatchNorm1d(b))
        layers.append(nn.ReLU())
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)


class Projector(nn.Module):
    def __init__(self, dim, hidden=2048, out=256):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(dim, hidden, bias=False),  # expect: SN501
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, out),
        )

    def forward(self, x):
        return self.net(x)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = mlp((784, 512, 256, 128))
        self.projector = Projector(128)

    def forward(self, x):
        return self.projector(self.encoder(x.flatten(1)))
