import torch
from torch import nn
from torch.utils.data import DataLoader

from mri import UndersampledSlices


class UnrolledNet(nn.Module):
    """The same block in every iteration of the reconstruction."""

    def __init__(self, width=32, iterations=8):
        super().__init__()
        self.iterations = iterations
        self.inp = nn.Conv2d(2, width, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.out = nn.Conv2d(width, 2, 3, padding=1)

    def forward(self, x):
        for _ in range(self.iterations):
            h = torch.relu(self.bn(self.inp(x)))  # expect: SN401 likely
            x = x + self.out(h)
        return x


def main():
    train_loader = DataLoader(UndersampledSlices("train"), batch_size=16, shuffle=True)
    val_loader = DataLoader(UndersampledSlices("val"), batch_size=16)
    net = UnrolledNet().cuda()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)
    for epoch in range(100):
        net.train()
        for zero_filled, full in train_loader:
            loss = nn.functional.l1_loss(net(zero_filled.cuda()), full.cuda())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            print(epoch, sum(nn.functional.l1_loss(net(x.cuda()), y.cuda()).item() for x, y in val_loader))


if __name__ == "__main__":
    main()
