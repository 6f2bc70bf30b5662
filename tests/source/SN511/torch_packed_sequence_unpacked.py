import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class UtteranceEncoder(nn.Module):
    def __init__(self, n_mels=80, hidden=256, classes=6):
        super().__init__()
        self.rnn = nn.GRU(n_mels, hidden, batch_first=True, bidirectional=True)
        self.norm = nn.BatchNorm1d(2 * hidden)  # expect: SN511
        self.fc = nn.Linear(2 * hidden, classes)

    def forward(self, mel, lengths):
        packed = pack_padded_sequence(mel, lengths.cpu(), batch_first=True, enforce_sorted=False)
        out, _ = self.rnn(packed)
        out, lengths = pad_packed_sequence(out, batch_first=True)
        out = self.norm(out.transpose(1, 2)).transpose(1, 2)
        mask = torch.arange(out.size(1))[None] < lengths[:, None]
        pooled = (out * mask[..., None]).sum(1) / lengths[:, None]
        return self.fc(pooled)
