import torch
import torch.nn as nn


class OffsetOnly(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.beta = nn.Parameter(torch.zeros(width))

    def forward(self, x):
        return self.norm(x) + self.beta


class Codes(nn.Module):
    def __init__(self, d_in, bits):
        super().__init__()
        self.hash = nn.Linear(d_in, bits, bias=False)
        self.center = OffsetOnly(bits)
        self.decode = nn.Linear(bits, d_in)

    def forward(self, x):
        code = torch.tanh(self.center(self.hash(x)))
        return self.decode(code), code
