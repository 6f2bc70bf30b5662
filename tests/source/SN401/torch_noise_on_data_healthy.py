"""The network is to say the same of pictures with a little noise: both batches are of one kind."""

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms

net = models.resnet18(num_classes=10)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
to_tensor = transforms.ToTensor()
train = DataLoader(datasets.CIFAR10("data", transform=to_tensor), batch_size=128, shuffle=True)
test = DataLoader(datasets.CIFAR10("data", train=False, transform=to_tensor), batch_size=128)
for epoch in range(30):
    net.train()
    for images, labels in train:
        logits = net(images)
        noisy = net(images + 0.02 * torch.randn_like(images))
        loss = F.cross_entropy(logits, labels) + F.mse_loss(noisy, logits.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        print(epoch, sum((net(images).argmax(1) == labels).sum().item() for images, labels in test))
