from functools import partial

import torch
import torch.nn as nn

BN_DECAY = 0.9997
BatchNorm = partial(nn.BatchNorm2d, momentum=0.9)


def conv_bn_relu(cin, cout, kernel=3, stride=1):
    return nn.Sequential(
        nn.Conv2d(cin, cout, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(cout, momentum=BN_DECAY),  # expect: SN510 likely
        nn.ReLU(inplace=True),
    )


class Inception(nn.Module):
    def __init__(self, cin):
        super().__init__()
        self.branch1 = conv_bn_relu(cin, 64, 1)
        self.branch3 = nn.Sequential(conv_bn_relu(cin, 48, 1), conv_bn_relu(48, 64))
        self.norm = BatchNorm(128)  # expect: SN510 likely

    def forward(self, x):
        return torch.relu(self.norm(torch.cat([self.branch1(x), self.branch3(x)], 1)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = Inception(3)
        self.fc = nn.Linear(128, 10)

    def forward(self, x):
        return self.fc(self.block(x).mean((2, 3)))
