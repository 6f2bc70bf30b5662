"""MobileNet-like network for CIFAR, ported from the TensorFlow research models."""

from torch import nn, optim, no_grad
from torch.utils.data import DataLoader
import torchvision.transforms as T
from torchvision.datasets import CIFAR10

# 0.9997 in the TensorFlow code
BN_MOMENTUM = 1 - 0.97


def separable(inp, oup, stride):
    return nn.Sequential(
        nn.Conv2d(inp, inp, 3, stride, 1, groups=inp, bias=False),
        nn.BatchNorm2d(inp, momentum=BN_MOMENTUM),
        nn.ReLU(inplace=True),
        nn.Conv2d(inp, oup, 1, 1, 0, bias=False),
        nn.BatchNorm2d(oup, momentum=BN_MOMENTUM),
        nn.ReLU(inplace=True),
    )


class MobileNet(nn.Module):
    def __init__(self, num_classes=10):
        super(MobileNet, self).__init__()
        self.features = nn.Sequential(
            separable(3, 32, 1), separable(32, 64, 2), separable(64, 128, 2), nn.AdaptiveAvgPool2d(1)
        )
        self.classifier = nn.Linear(128, num_classes)

    def forward(self, x):
        x = self.features(x)
        return self.classifier(x.view(x.size(0), -1))


train_tf = T.Compose([T.RandomCrop(32, padding=4), T.RandomHorizontalFlip(), T.ToTensor()])
train_loader = DataLoader(CIFAR10("./data", transform=train_tf, download=True), 256, shuffle=True, num_workers=4)
val_loader = DataLoader(CIFAR10("./data", train=False, transform=T.ToTensor()), 256)

net = MobileNet().cuda()
criterion = nn.CrossEntropyLoss()
opt = optim.Adam(net.parameters(), lr=1e-3)

for epoch in range(10):
    net.train()
    for x, y in train_loader:
        opt.zero_grad()
        criterion(net(x.cuda()), y.cuda()).backward()
        opt.step()
    net.eval()
    hits = 0
    with no_grad():
        for x, y in val_loader:
            hits += (net(x.cuda()).max(1)[1].cpu() == y).sum().item()
    print(epoch, hits / 10000)
