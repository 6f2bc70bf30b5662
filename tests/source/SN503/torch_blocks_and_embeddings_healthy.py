"""A block may end with its normalization; an embedding may be whitened; a neck may feed two losses."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader

from market import Market1501


class ConvBN(nn.Module):
    def __init__(self, cin, cout, s=1):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, s, 1, bias=False)
        self.bn = nn.BatchNorm2d(cout)

    def forward(self, x):
        return self.bn(self.conv(x))


class ReID(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.a = ConvBN(3, 64, 2)
        self.b = ConvBN(64, 128, 2)
        self.whiten = nn.BatchNorm1d(128, affine=False)
        self.classifier = nn.Linear(128, classes, bias=False)

    def forward(self, x):
        x = F.relu(self.b(F.relu(self.a(x))))
        feature = x.mean((2, 3))
        white = self.whiten(feature)
        return self.classifier(white), white


if __name__ == "__main__":
    loader = DataLoader(Market1501("train"), batch_size=64, shuffle=True)
    model = ReID(751).cuda()
    optimizer = torch.optim.Adam(model.parameters(), lr=3.5e-4)
    for epoch in range(120):
        model.train()
        for image, pid in loader:
            logits, feature = model(image.cuda())
            loss = F.cross_entropy(logits, pid.cuda()) + 5e-4 * feature.pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    torch.save(model.state_dict(), "reid.pt")
