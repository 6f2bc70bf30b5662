import copy

import torch
import torch.nn as nn
import torch.nn.functional as F


class Student(nn.Module):
    """Learns what its own average says of the unmasked input; what it is to learn has deviation 1 over the batch."""

    def __init__(self, encoder, width):
        super().__init__()
        self.encoder = encoder
        self.teacher = copy.deepcopy(encoder).requires_grad_(False)
        self.head = nn.Linear(width, width)

    def forward(self, x, mask=None, features_only=False):
        found = self.encoder(x if mask is None else x * mask)
        if features_only:
            return found
        with torch.no_grad():
            self.teacher.eval()
            target = self.teacher(x)
            target = F.batch_norm(target.float(), running_mean=None, running_var=None, training=True)
        return F.mse_loss(self.head(found), target)
