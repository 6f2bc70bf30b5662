import torch
import torch.nn as nn


class Gate(nn.Module):
    def __init__(self, f_g, f_l, f_int):
        super().__init__()
        self.w_g = nn.Conv2d(f_g, f_int, 1)
        self.w_x = nn.Conv2d(f_l, f_int, 1)
        self.psi = nn.Sequential(
            nn.Conv2d(f_int, 1, 1),
            nn.Sigmoid(),
        )

    def forward(self, g, x):
        return x * self.psi(torch.relu(self.w_g(g) + self.w_x(x)))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = Gate(64, 64, 32)
        self.out = nn.Conv2d(64, 2, 1)

    def forward(self, g, x):
        return self.out(self.gate(g, x))
