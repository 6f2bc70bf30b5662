import torch
import torch.nn as nn


class MaskedConv(nn.Module):
    """Convolution over residues; positions beyond the end of the protein are zero."""

    def __init__(self, cin, cout, k=5):
        super().__init__()
        self.conv = nn.Conv1d(cin, cout, k, padding=k // 2, bias=False)
        self.bn = nn.BatchNorm1d(cout)  # expect: SN511

    def forward(self, x, mask):
        x = self.conv(x)
        x = x * mask.unsqueeze(1)
        return torch.relu(self.bn(x))


class ProteinNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.embed = nn.Embedding(25, 64, padding_idx=0)
        self.conv = MaskedConv(64, 128)
        self.out = nn.Linear(128, classes)

    def forward(self, residues, lengths):
        mask = (torch.arange(residues.size(1), device=residues.device) < lengths[:, None]).float()
        x = self.embed(residues).transpose(1, 2)
        x = self.conv(x, mask)
        return self.out((x * mask.unsqueeze(1)).sum(-1) / lengths[:, None])
