import torch
from torch import nn


class FocalLoss(nn.Module):
    def __init__(self, gamma=2.0):
        super().__init__()
        self.gamma = gamma
        self.ce = nn.CrossEntropyLoss(reduction="none")

    def forward(self, logits, target):
        loss = self.ce(logits, target)
        return ((1 - torch.exp(-loss)) ** self.gamma * loss).mean()
