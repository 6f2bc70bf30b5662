"""Names with the letters of a loss in them, and losses that ask a network, are no losses."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class GlossNet(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, bias=False)
        self.out = nn.Linear(16, classes)

    def forward(self, images):
        x = F.relu(lossless_norm(self.conv(images)))
        return self.out(x.mean((2, 3)))


def lossless_norm(x):
    return F.batch_norm(x, None, None, training=True)  # expect: SN106


class Whitened(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.first = nn.Linear(width, width, bias=False)

    def forward(self, x):
        return F.batch_norm(self.first(x), None, None, training=True)  # expect: SN106


def val_loss(model, x, wanted):
    with torch.no_grad():
        return F.mse_loss(model(x), wanted).item()


def predict(images):
    model = GlossNet()
    model.load_state_dict(torch.load("gloss.pt"))
    model.eval()
    with torch.no_grad():
        return model(images).argmax(1)


if __name__ == "__main__":
    print(predict(torch.load("images.pt")))
    network = Whitened()
    network.load_state_dict(torch.load("whitened.pt"))
    network.eval()
    print(val_loss(network, torch.load("x.pt"), torch.load("y.pt")))
