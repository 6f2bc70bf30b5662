import torch.nn as nn


class Sentiment(nn.Module):
    def __init__(self, vocab, dim=100, hidden=64, seq_len=50):
        super().__init__()
        self.embedding = nn.Embedding(vocab, dim)
        self.lstm = nn.LSTM(dim, hidden, batch_first=True)
        self.bn = nn.BatchNorm1d(hidden)
        self.fc = nn.Linear(hidden, 2)

    def forward(self, tokens):
        x = self.embedding(tokens)
        out, _ = self.lstm(x)
        out = self.bn(out.transpose(1, 2)).transpose(1, 2)
        return self.fc(out[:, -1])
