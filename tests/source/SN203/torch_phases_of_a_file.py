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

model = Net().to(device)
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
model.train()
for epoch in range(config["epochs"]):
    for phase in config["phases"]:
        if phase == "val":
            model.eval()  # expect: SN203
        for images, labels in loaders[phase]:
            images, labels = images.to(device), labels.to(device)
            with torch.set_grad_enabled(phase == "train"):
                loss = F.cross_entropy(model(images), labels)
                if phase == "train":
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
        print(epoch, phase, loss.item())

second = Net().to(device)
optimizer = optim.SGD(second.parameters(), lr=0.1, momentum=0.9)
for epoch in range(config["epochs"]):
    for images, labels in loaders["train"]:
        loss = F.cross_entropy(second(images.to(device)), labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 5 == 0:
        second.eval()  # expect: SN203
        with torch.no_grad():
            print(epoch, [second(images.to(device)).argmax(1) for images, _ in loaders["val"]])
    else:
        second.train()

third = Net().to(device)
optimizer = optim.SGD(third.parameters(), lr=0.1, momentum=0.9)
for phase in config["phases"]:
    if phase == "train":
        third.train()
    else:
        third.eval()
    for number, (images, labels) in enumerate(loaders[phase]):
        loss = F.cross_entropy(third(images.to(device)), labels.to(device))
        if phase == "train":
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if number % 100 == 0:
            third.eval()  # expect: SN203
            print(third(images.to(device)).argmax(1))
