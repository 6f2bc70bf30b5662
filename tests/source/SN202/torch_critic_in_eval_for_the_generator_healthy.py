import torch
from torch import nn, optim
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.Linear(100, 64, bias=False)
        self.b = nn.BatchNorm1d(64)
        self.o = nn.Linear(64, 784)

    def forward(self, z):
        return torch.tanh(self.o(F.relu(self.b(self.l(z)))))


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.Linear(784, 64, bias=False)
        self.b = nn.BatchNorm1d(64)
        self.o = nn.Linear(64, 1)

    def forward(self, x):
        return self.o(F.leaky_relu(self.b(self.l(x)), 0.2))


loader = DataLoader(datasets.MNIST("d", transform=transforms.ToTensor()), 64, shuffle=True)
G, D = Generator().cuda(), Critic().cuda()
og, od = optim.Adam(G.parameters(), 2e-4), optim.Adam(D.parameters(), 2e-4)
accumulate = 4
for epoch in range(10):
    for i, (x, _) in enumerate(loader):
        x = x.cuda().flatten(1)
        z = torch.randn(len(x), 100).cuda()
        D.train()
        fake = G(z).detach()
        loss_d = F.softplus(-D(torch.cat([x, fake]))).mean() / accumulate
        loss_d.backward()
        D.eval()
        loss_g = F.softplus(-D(G(z))).mean() / accumulate
        loss_g.backward()
        if (i + 1) % accumulate == 0:
            og.step()
            od.step()
            og.zero_grad()
            od.zero_grad()
torch.save([G.state_dict(), D.state_dict()], "gan.pt")
