import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader
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


def accuracy(model, images, labels):
    with torch.no_grad():
        return (model(images).argmax(1) == labels).float().mean().item()


def mixed(images, labels):
    share = torch.distributions.Beta(1.0, 1.0).sample().item()
    order = torch.randperm(len(images), device=images.device)
    return share * images + (1 - share) * images[order], labels, labels[order], share


def train(model, loader, optimizer, epoch):
    """The accuracy that is shown beside the loss is that of the batch that was just trained on."""
    model.train()
    for number, batch in enumerate(loader):
        loss = F.cross_entropy(model(batch[0].to(device)), batch[1].to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if number % 100 == 0:
            print(epoch, number, loss.item(), accuracy(model, batch[0].to(device), batch[1].to(device)))
            print(model(batch[0][:8].to(device)).argmax(1).tolist(), batch[1][:8].tolist())


def train_on_mixed(model, loader, optimizer):
    model.train()
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        both, first, second, share = mixed(images, labels)
        output = model(both)
        loss = share * F.cross_entropy(output, first) + (1 - share) * F.cross_entropy(output, second)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            print((model(images).argmax(1) == labels).float().mean().item())


if __name__ == "__main__":
    data = datasets.CIFAR10("data", download=True, transform=transforms.ToTensor())
    batches = DataLoader(data, batch_size=64, shuffle=True)
    net = Net().to(device)
    sgd = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(10):
        train(net, batches, sgd, epoch)
        train_on_mixed(net, batches, sgd)
    torch.save(net.state_dict(), "net.pt")
