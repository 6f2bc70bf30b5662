import torch
import torch.nn as nn
import torch.nn.functional as F


class PlainNorm(nn.BatchNorm2d):
    """Keeps statistics while it is trained, and then leaves them where they are."""

    def forward(self, x):
        if self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, training=True)
        return F.batch_norm(x, None, None, self.weight, self.bias, training=True)  # expect: SN106


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, bias=False)
        self.norm = PlainNorm(16)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        return self.head(F.relu(self.norm(self.conv(x))).mean((2, 3)))


def evaluate(net, loader):
    net.eval()
    with torch.no_grad():
        return sum((net(x).argmax(1) == y).sum().item() for x, y in loader)


if __name__ == "__main__":
    net = Net()
    net.load_state_dict(torch.load("net.pt"))
    print(evaluate(net, torch.load("batches.pt")))
