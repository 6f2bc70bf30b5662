import torch
from torch import nn
from torch.optim.swa_utils import SWALR, AveragedModel
from torch.utils.data import DataLoader
from torchvision import transforms as T
from torchvision.datasets import CIFAR10

from wrn import make_head


class WideNet(nn.Module):
    def __init__(self, width=160):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.head = make_head(width)

    def forward(self, x):
        return self.head(torch.relu(self.bn(self.conv(x))))


transform = T.Compose([T.RandomCrop(32, 4), T.RandomHorizontalFlip(), T.ToTensor()])
train_loader = DataLoader(CIFAR10("data", transform=transform), batch_size=128, shuffle=True)
test_loader = DataLoader(CIFAR10("data", train=False, transform=T.ToTensor()), batch_size=256)

model = WideNet().cuda()
swa_model = AveragedModel(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=200)
swa_scheduler = SWALR(optimizer, swa_lr=0.05)
swa_start = 160

for epoch in range(200):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x.cuda()), y.cuda()).backward()
        optimizer.step()
    if epoch > swa_start:
        swa_model.update_parameters(model)  # expect: SN305
        swa_scheduler.step()
    else:
        scheduler.step()

swa_model.eval()
with torch.no_grad():
    hits = sum((swa_model(x.cuda()).argmax(1).cpu() == y).sum().item() for x, y in test_loader)
print(hits / 10000)
