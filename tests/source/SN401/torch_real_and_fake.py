import torch
import torch.nn as nn
from torch.utils.data import DataLoader

from mvtec import NormalParts, TestParts


class Generator(nn.Module):
    def __init__(self, nz=100):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, 128, 8, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(True),
            nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(True),
            nn.ConvTranspose2d(64, 1, 4, 2, 1),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.main(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, 64, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(64, 128, 4, 2, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.LeakyReLU(0.2),
            nn.Conv2d(128, 1, 8),
        )

    def forward(self, x):
        return self.main(x).view(-1)


netG, netD = Generator().cuda(), Discriminator().cuda()
criterion = nn.BCEWithLogitsLoss()
optD = torch.optim.Adam(netD.parameters(), lr=2e-4, betas=(0.5, 0.999))
optG = torch.optim.Adam(netG.parameters(), lr=2e-4, betas=(0.5, 0.999))
loader = DataLoader(NormalParts(), batch_size=64, shuffle=True)

for epoch in range(50):
    for real in loader:
        real = real.cuda()
        ones, zeros = torch.ones(len(real)).cuda(), torch.zeros(len(real)).cuda()
        fake = netG(torch.randn(len(real), 100, 1, 1).cuda())
        optD.zero_grad()
        loss_real = criterion(netD(real), ones)
        loss_fake = criterion(netD(fake.detach()), zeros)  # expect: SN401 likely
        (loss_real + loss_fake).backward()
        optD.step()

        optG.zero_grad()
        criterion(netD(fake), ones).backward()
        optG.step()

netD.eval()
with torch.no_grad():
    scores = torch.cat([netD(part.cuda()) for part in DataLoader(TestParts(), batch_size=64)])
torch.save(scores, "anomaly.pt")
