import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def conv_block(cin, cout):
    return nn.Sequential(
        nn.Conv2d(cin, cout, 3, padding=1, bias=False),
        nn.BatchNorm2d(cout, track_running_stats=False),  # expect: SN106
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


class ProtoNet(nn.Module):
    def __init__(self, hidden=64, out=64):
        super().__init__()
        self.encoder = nn.Sequential(conv_block(3, hidden), conv_block(hidden, hidden), conv_block(hidden, out))
        self.head = nn.LazyLinear(20)

    def forward(self, x):
        return self.head(self.encoder(x).flatten(1))


def train(model, loader, optimizer):
    model.train()
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def test(model, loader):
    model.eval()
    return sum((model(x).argmax(-1) == y).float().mean().item() for x, y in loader) / len(loader)


def main():
    blob = torch.load("omniglot20.pt")
    train_loader = DataLoader(TensorDataset(blob["xtr"], blob["ytr"]), batch_size=64, shuffle=True)
    test_loader = DataLoader(TensorDataset(blob["xte"], blob["yte"]), batch_size=64)
    model = ProtoNet()
    optimizer = torch.optim.Adam(model.parameters())
    for epoch in range(50):
        train(model, train_loader, optimizer)
        print(epoch, test(model, test_loader))


main()
