import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
transform = transforms.ToTensor()
train_loader = DataLoader(datasets.CIFAR10("data", transform=transform, download=True), batch_size=64, shuffle=True)
test_loader = DataLoader(datasets.CIFAR10("data", train=False, transform=transform), batch_size=64)


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.fc = nn.Linear(width, 10)

    def forward(self, x):
        return self.fc(F.relu(self.bn(self.conv(x))).mean((2, 3)))


def evaluate(model, loader):
    model.eval()  # expect: SN203
    right = 0
    with torch.no_grad():
        for images, labels in loader:
            right += (model(images.to(device)).argmax(1) == labels.to(device)).sum().item()
    return right / len(loader.dataset)


def train(student, optimizer, epochs):
    for epoch in range(epochs):
        for images, labels in train_loader:
            loss = F.cross_entropy(student(images.to(device)), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(epoch, evaluate(student, test_loader))


small = Net(16).to(device)
train(small, optim.SGD(small.parameters(), lr=0.1), 10)

large = Net(128).to(device)
optimizer = optim.SGD(large.parameters(), lr=0.1)
for epoch in range(20):
    for images, labels in train_loader:
        loss = F.cross_entropy(large(images.to(device)), labels.to(device), label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(epoch, evaluate(large, test_loader))

healthy = Net(64).to(device)
optimizer = optim.SGD(healthy.parameters(), lr=0.1)
for epoch in range(20):
    healthy.train()
    for images, labels in train_loader:
        loss = F.cross_entropy(healthy(images.to(device)), labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(epoch, evaluate(healthy, test_loader))
torch.save([small.state_dict(), large.state_dict(), healthy.state_dict()], "nets.pt")
