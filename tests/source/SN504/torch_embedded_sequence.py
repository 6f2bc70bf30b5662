import torch
import torch.nn as nn


class TokenMixer(nn.Module):
    def __init__(self, length=32, dim=128, heads=4):
        super().__init__()
        self.embed = nn.Embedding(10000, dim)
        self.norm = nn.BatchNorm1d(length)  # expect: SN504
        layer = nn.TransformerEncoderLayer(dim, heads, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=2)
        self.head = nn.Linear(dim, 5)

    def forward(self, ids):
        x = self.norm(self.embed(ids))
        x = self.encoder(x)
        return self.head(x.mean(dim=1))


class TokenClassifier(nn.Module):
    """Linear layers on (batch, length, features)."""

    def __init__(self, length=32, dim=128):
        super().__init__()
        self.embed = nn.Embedding(10000, dim)
        self.proj = nn.Linear(dim, 64, bias=False)
        self.norm = nn.BatchNorm1d(length)  # expect: SN504
        self.head = nn.Linear(64, 5)

    def forward(self, ids):
        x = torch.relu(self.norm(self.proj(self.embed(ids))))
        return self.head(x)
