import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, random_split
from torchvision import datasets, transforms

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 32, 3, bias=False)
        self.bn = nn.BatchNorm2d(32)
        self.fc = nn.Linear(32, 10)

    def forward(self, x):
        return self.fc(F.relu(self.bn(self.conv(x))).mean((2, 3)))


data = datasets.CIFAR10("data", download=True, transform=transforms.ToTensor())
train_data, val_data = random_split(data, [45000, 5000])
train_loader = DataLoader(train_data, batch_size=64, shuffle=True)
val_loader = DataLoader(val_data, batch_size=64)

model = Net().to(device)
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for epoch in range(10):
    for (images, labels), (val_images, val_labels) in zip(train_loader, val_loader):
        loss = F.cross_entropy(model(images.to(device)), labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            guess = model(val_images.to(device)).argmax(1)  # expect: SN201 SN107
        print(loss.item(), (guess == val_labels.to(device)).float().mean().item())


def run(model, loader, optimizer, train):
    total = 0.0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        if train:
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        else:
            with torch.no_grad():
                loss = F.cross_entropy(model(images), labels)  # expect: SN201 SN107
        total += loss.item()
    return total / len(loader)


second = Net().to(device)
second_optimizer = optim.SGD(second.parameters(), lr=0.1, momentum=0.9)
for epoch in range(10):
    for training, loader in ((True, train_loader), (False, val_loader)):
        print(epoch, training, run(second, loader, second_optimizer, training))

third = Net().to(device)
third_optimizer = optim.SGD(third.parameters(), lr=0.1, momentum=0.9)
for epoch in range(10):
    for images, labels in train_loader:
        loss = F.cross_entropy(third(images.to(device)), labels.to(device))
        third_optimizer.zero_grad()
        loss.backward()
        third_optimizer.step()
    correct = 0
    with torch.no_grad():
        for images, labels in train_loader:
            correct += (third(images.to(device)).argmax(1) == labels.to(device)).sum().item()  # expect: SN201 SN107
    print(epoch, correct / len(train_data))
