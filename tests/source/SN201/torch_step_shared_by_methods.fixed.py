import torch
import torch.nn as nn
import torchvision
from torchvision import transforms

transform = transforms.Compose([transforms.ToTensor()])
train_set = torchvision.datasets.FashionMNIST("data", train=True, download=True, transform=transform)
test_set = torchvision.datasets.FashionMNIST("data", train=False, transform=transform)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        return self.fc(torch.relu(self.norm(self.conv(x))).mean((2, 3)))


class Trainer:
    def __init__(self, net):
        self.net = net
        self.optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)

    def step(self, batch):
        images, labels = batch
        return nn.functional.cross_entropy(self.net(images), labels)

    def train(self, loader):
        for batch in loader:
            loss = self.step(batch)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    @torch.no_grad()
    def test(self, loader):
        total = 0.0
        self.net.eval()
        for batch in loader:
            total += self.step(batch).item()
        return total / len(loader)


trainer = Trainer(Net())
trainer.train(torch.utils.data.DataLoader(train_set, batch_size=64, shuffle=True))
print(trainer.test(torch.utils.data.DataLoader(test_set, batch_size=64)))
