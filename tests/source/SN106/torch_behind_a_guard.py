import torch
import torch.nn as nn


class Spread(nn.Module):
    """Spreads what it has found over a graph in inference, and only there."""

    def __init__(self, width, classes):
        super().__init__()
        self.first = nn.Linear(64, width, bias=False)
        self.norm = nn.BatchNorm1d(width, affine=False, track_running_stats=False)  # expect: SN106
        self.last = nn.Linear(width, classes)

    def forward(self, x, edges=None):
        if not self.training and edges is None:
            raise ValueError("inference needs the edges")
        x = self.norm(self.first(x))
        if not self.training:
            x = edges @ x
        return self.last(x.relu())


if __name__ == "__main__":
    model = Spread(32, 7)
    model.load_state_dict(torch.load("spread.pt"))
    model.eval()
    print(model(torch.load("x.pt"), torch.load("edges.pt")).argmax(1))
