import torch.nn as nn
import torch.nn.functional as F


class ConvNeXtLikeBlock(nn.Module):
    def __init__(self, dim, size):
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.pw1 = nn.Linear(dim, 4 * dim)
        self.pw2 = nn.Linear(4 * dim, dim)

    def forward(self, x):
        y = self.dwconv(x)
        y = y.permute(0, 2, 3, 1)
        y = self.norm(y)
        y = self.pw2(F.gelu(self.pw1(y)))
        return x + y.permute(0, 3, 1, 2)
