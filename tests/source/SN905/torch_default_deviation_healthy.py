import torch
from torch import nn, optim
from torch.nn import init

from glyphs import loader

net = nn.Sequential(
    nn.Conv2d(1, 32, 3, bias=False),
    nn.BatchNorm2d(32),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(2),
    nn.Flatten(),
    nn.Linear(128, 62),
)
for name, param in net.named_parameters():
    if param.dim() > 1:
        init.kaiming_normal_(param)

criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.05)
for epoch in range(15):
    net.train()
    for glyph, label in loader(batch_size=64):
        optimizer.zero_grad()
        criterion(net(glyph), label).backward()
        optimizer.step()
torch.save(net.state_dict(), "glyphs.pt")
