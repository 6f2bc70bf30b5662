import torch.nn as nn


class Classifier(nn.Module):
    def __init__(self, d_in, classes):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(d_in, 512),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.BatchNorm1d(512),  # expect: SN507
            nn.Linear(512, classes),
        )

    def forward(self, x):
        return self.net(x)
