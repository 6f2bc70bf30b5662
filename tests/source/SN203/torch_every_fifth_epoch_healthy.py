import os

import torch
from torch import nn, optim
from torch.utils.tensorboard import SummaryWriter
from torchvision.utils import make_grid

import config
from data import get_loaders
from metrics import psnr


class ResidualBlock(nn.Module):
    def __init__(self, ch):
        super().__init__()
        self.conv1 = nn.Conv2d(ch, ch, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(ch)
        self.prelu = nn.PReLU()
        self.conv2 = nn.Conv2d(ch, ch, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(ch)

    def forward(self, x):
        return x + self.bn2(self.conv2(self.prelu(self.bn1(self.conv1(x)))))


class SRNet(nn.Module):
    def __init__(self, scale=4, ch=64, n_blocks=16):
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(3, ch, 9, 1, 4), nn.PReLU())
        self.body = nn.Sequential(*(ResidualBlock(ch) for _ in range(n_blocks)))
        self.tail = nn.Sequential(nn.Conv2d(ch, 3 * scale**2, 3, 1, 1), nn.PixelShuffle(scale))

    def forward(self, lr):
        h = self.head(lr)
        return self.tail(h + self.body(h))


train_loader, val_loader = get_loaders(config.root, 16)
writer = SummaryWriter(config.log_dir)
net = SRNet().cuda()
net.train()
l1 = nn.L1Loss()
opt = optim.Adam(net.parameters(), lr=1e-4)

for epoch in range(1, config.epochs + 1):
    for lr_img, hr_img in train_loader:
        opt.zero_grad()
        loss = l1(net(lr_img.cuda()), hr_img.cuda())
        loss.backward()
        opt.step()
    writer.add_scalar("train/l1", loss.item(), epoch)

    if epoch % 5 == 0:
        net.eval()
        with torch.no_grad():
            values = [psnr(net(lr_img.cuda()), hr_img.cuda()) for lr_img, hr_img in val_loader]
        writer.add_scalar("val/psnr", sum(values) / len(values), epoch)
        writer.add_image("val/sample", make_grid(hr_img), epoch)
        torch.save(net.state_dict(), os.path.join(config.log_dir, f"{epoch}.pth"))
        net.train()
