"""Lines that are as long as the file's author lets them get, with a bias somewhere inside."""
from torch import nn


class Pyramid(nn.Module):
    def __init__(self, widths, classes):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, widths[0], 7, 2, 3, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU())
        pairs = zip(widths, widths[1:])
        self.blocks = nn.ModuleList(
            [nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b)) for a, b in pairs]
        )  # expect: SN501
        self.neck = nn.Sequential(
            nn.Linear(widths[-1], 4 * classes, bias=False), nn.BatchNorm1d(4 * classes), nn.GELU()
        )  # expect: SN501
        self.head = nn.Linear(4 * classes, classes)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x).relu()
        return self.head(self.neck(x.mean((2, 3))))
