"""Trains the head and the layers without normalization of a network whose normalization layers are to stay."""

import torch
from torch import nn
from torchvision.models import resnet18

from shells import train_batches

net = resnet18(weights="DEFAULT")
net.fc = nn.Linear(512, 12)
for module in net.modules():
    if isinstance(module, nn.BatchNorm2d):
        module.requires_grad_(False)  # expect: SN601

optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.01, momentum=0.9)
for epoch in range(20):
    net.train()
    for images, kinds in train_batches(64):
        loss = nn.functional.cross_entropy(net(images), kinds)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
torch.save(net.state_dict(), "shells.pt")
