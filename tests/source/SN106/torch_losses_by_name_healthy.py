import torch
import torch.nn as nn
import torch.nn.functional as F


class BarlowLoss(nn.Module):
    def forward(self, one, other):
        first = F.batch_norm(one, None, None, training=True)
        second = F.batch_norm(other, None, None, training=True)
        return ((first.T @ second) / len(one) - torch.eye(one.shape[1])).pow(2).sum()


class Standardized(nn.Module):
    def forward(self, x):
        return F.batch_norm(x, None, None, training=True)


class Criterion(nn.Module):
    """Has a network of its own; evaluation reports it, too."""

    def __init__(self):
        super().__init__()
        self.norm = Standardized()

    def forward(self, one, other):
        return (self.norm(one) - self.norm(other)).pow(2).mean()


def vicreg_loss(one, other):
    return F.mse_loss(F.batch_norm(one, None, None, training=True), other)


def loss_fn(one, other):
    return F.l1_loss(F.batch_norm(one, None, None, training=True), other)


encoder = nn.Sequential(nn.Linear(32, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 16))
encoder.load_state_dict(torch.load("encoder.pt"))
encoder.eval()
barlow, criterion = BarlowLoss().eval(), Criterion().eval()
with torch.no_grad():
    one, other = encoder(torch.load("one.pt")), encoder(torch.load("other.pt"))
    print(barlow(one, other).item(), criterion(one, other).item())
    print(vicreg_loss(one, other).item(), loss_fn(one, other).item())
