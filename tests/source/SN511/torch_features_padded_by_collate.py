import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence


class Speech(nn.Module):
    def __init__(self, n=80, h=256):
        super().__init__()
        self.conv = nn.Conv1d(n, h, 5, padding=2, bias=False)
        self.norm = nn.BatchNorm1d(h)  # expect: SN511 likely
        self.out = nn.Linear(h, 40)

    def forward(self, x, lengths):
        h = torch.relu(self.norm(self.conv(x.transpose(1, 2)))).transpose(1, 2)
        return self.out(h)


def collate(batch):
    xs, ys = zip(*batch)
    lengths = torch.tensor([len(x) for x in xs])
    return pad_sequence(xs, batch_first=True), lengths, pad_sequence(ys, batch_first=True, padding_value=-1)


def train(dataset):
    model = Speech()
    opt = torch.optim.Adam(model.parameters())
    loader = torch.utils.data.DataLoader(dataset, 32, shuffle=True, collate_fn=collate)
    for x, n, y in loader:
        loss = nn.functional.cross_entropy(model(x, n).flatten(0, 1), y.flatten(), ignore_index=-1)
        opt.zero_grad(); loss.backward(); opt.step()
