import torch
import torch.nn as nn
from torch.utils.data import DataLoader

from brats import BratsDataset


class VNetBlock(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv = nn.Conv3d(cin, cout, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm3d(cout)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))


class VNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(VNetBlock(4, 16), VNetBlock(16, 32))
        self.out = nn.Conv3d(32, 4, 1)

    def forward(self, x):
        return self.out(self.enc(x))


def main():
    train_loader = DataLoader(BratsDataset("train"), batch_size=8, shuffle=True, num_workers=4)
    val_loader = DataLoader(BratsDataset("val"), batch_size=1)
    net = VNet().cuda()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)
    for epoch in range(300):
        net.train()
        for image, label in train_loader:
            loss = nn.functional.cross_entropy(net(image.cuda()), label.cuda())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            print(epoch, sum(nn.functional.cross_entropy(net(x.cuda()), y.cuda()).item() for x, y in val_loader))


if __name__ == "__main__":
    main()
