import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import CIFAR10
from torchvision.transforms import ToTensor


def down(a, b):
    return nn.Sequential(nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2))


model = nn.Sequential(
    down(3, 32),
    down(32, 64),
    nn.ConvTranspose2d(64, 32, 4, 2, 1),
    nn.ReLU(),
    nn.ConvTranspose2d(32, 3, 4, 2, 1),
    nn.Tanh(),
)
loader = DataLoader(CIFAR10("data", transform=ToTensor()), batch_size=128, shuffle=True)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-4)
for epoch in range(50):
    model.train()
    for image, _ in loader:
        noisy = image + 0.1 * torch.randn_like(image)
        loss = nn.functional.l1_loss(model(noisy), image)  # expect: SN903
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
