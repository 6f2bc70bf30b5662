import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class CNN(nn.Module):
    def __init__(self):
        super(CNN, self).__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.fc1 = nn.Linear(32 * 13 * 13, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        return self.fc1(x.view(-1, 32 * 13 * 13))


def check_accuracy(loader, model):
    model.eval()
    num_correct = 0
    num_samples = 0
    for x, y in loader:
        scores = model(x)
        _, predictions = scores.max(1)
        num_correct += (predictions == y).sum()
        num_samples += predictions.size(0)
    model.train()
    return float(num_correct) / float(num_samples)


train_set = datasets.MNIST(root="dataset/", train=True, transform=transforms.ToTensor(), download=True)
test_set = datasets.MNIST(root="dataset/", train=False, transform=transforms.ToTensor(), download=True)
train_loader = DataLoader(dataset=train_set, batch_size=64, shuffle=True)
test_loader = DataLoader(dataset=test_set, batch_size=64)
model = CNN()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

for epoch in range(3):
    for data, targets in train_loader:
        loss = F.cross_entropy(model(data), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(epoch, check_accuracy(test_loader, model))
