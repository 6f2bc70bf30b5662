"""Stochastic weight averaging as it was written before PyTorch had it."""

import torch
from torch import nn
from torchvision import models

from data import loaders

train_loader, test_loader = loaders(128)
model = models.vgg16_bn(num_classes=100).cuda()
swa_model = models.vgg16_bn(num_classes=100).cuda()
swa_n = 0
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
criterion = nn.CrossEntropyLoss()


def moving_average(net1, net2, alpha=1.0):
    for param1, param2 in zip(net1.parameters(), net2.parameters()):
        param1.data *= 1.0 - alpha
        param1.data += param2.data * alpha


def reset_bn(module):
    if issubclass(module.__class__, torch.nn.modules.batchnorm._BatchNorm):
        module.running_mean = torch.zeros_like(module.running_mean)
        module.running_var = torch.ones_like(module.running_var)


def bn_update(loader, model):
    model.train()
    model.apply(reset_bn)
    for images, _ in loader:
        model(images.cuda())


def evaluate(loader, model):
    model.eval()
    return sum((model(x.cuda()).argmax(1).cpu() == y).sum().item() for x, y in loader)


for epoch in range(300):
    model.train()
    for images, labels in train_loader:
        loss = criterion(model(images.cuda()), labels.cuda())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch >= 160:
        moving_average(swa_model, model, 1.0 / (swa_n + 1))
        swa_n += 1
        bn_update(train_loader, swa_model)
        print(evaluate(test_loader, swa_model))
