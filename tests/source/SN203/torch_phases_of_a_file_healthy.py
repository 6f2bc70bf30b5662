import torch
import torch.nn.functional as F
import yaml
from torch import nn, optim
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 32, 3, bias=False)
        self.bn = nn.BatchNorm2d(32)
        self.fc = nn.Linear(32, 10)

    def forward(self, x):
        return self.fc(F.relu(self.bn(self.conv(x))).mean((2, 3)))


config = yaml.safe_load(open("config.yml"))
transform = transforms.ToTensor()
loaders = {
    name: DataLoader(datasets.ImageFolder(f"data/{name}", transform), batch_size=64, shuffle=name == "train")
    for name in ("train", "val")
}
device = torch.device(config["device"])


def by_if(model, optimizer):
    for epoch in range(config["epochs"]):
        for phase in config["phases"]:
            if phase == "train":
                model.train()
            else:
                model.eval()
            for images, labels in loaders[phase]:
                images, labels = images.to(device), labels.to(device)
                with torch.set_grad_enabled(phase == "train"):
                    loss = F.cross_entropy(model(images), labels)
                    if phase == "train":
                        optimizer.zero_grad()
                        loss.backward()
                        optimizer.step()
            print(epoch, phase, loss.item())


def by_two_ifs(model, optimizer):
    for phase in config["phases"]:
        if phase == "train":
            model.train()
        if phase == "val":
            model.eval()
        for images, labels in loaders[phase]:
            loss = F.cross_entropy(model(images.to(device)), labels.to(device))
            if phase == "train":
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        print(phase, loss.item())


def by_turns(model, optimizer):
    for epoch in range(2 * config["epochs"]):
        model.train() if epoch % 2 == 0 else model.eval()
        for images, labels in loaders["train" if epoch % 2 == 0 else "val"]:
            with torch.set_grad_enabled(model.training):
                loss = F.cross_entropy(model(images.to(device)), labels.to(device))
            if model.training:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        print(epoch, loss.item())


def with_a_report(model, optimizer):
    for phase in config["phases"]:
        if phase == "train":
            model.train()
        for images, labels in loaders[phase]:
            if phase == "train":
                loss = F.cross_entropy(model(images.to(device)), labels.to(device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        if phase == "val":
            model.eval()
            with torch.no_grad():
                print([model(images.to(device)).argmax(1) for images, _ in loaders["val"]])


for train in (by_if, by_two_ifs, by_turns, with_a_report):
    network = Net().to(device)
    train(network, optim.SGD(network.parameters(), lr=0.1, momentum=0.9))
