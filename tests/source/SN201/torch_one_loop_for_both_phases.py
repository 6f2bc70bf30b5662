"""Fine-tuning with one loop for both phases, whose mode is never switched off."""

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms


def train_model(model, criterion, optimizer, dataloaders):
    for epoch in range(25):
        for phase in ["train", "val"]:
            if phase == "train":
                model.train()
            correct = 0
            for images, labels in dataloaders[phase]:
                images, labels = images.cuda(), labels.cuda()
                optimizer.zero_grad()
                with torch.set_grad_enabled(phase == "train"):
                    outputs = model(images)  # expect: SN201 SN107
                    loss = criterion(outputs, labels)
                    if phase == "train":
                        loss.backward()
                        optimizer.step()
                correct += (outputs.argmax(1) == labels).sum().item()
            print(epoch, phase, correct / len(dataloaders[phase].dataset))


folder = transforms.Compose([transforms.Resize((224, 224)), transforms.ToTensor()])
data = {each: datasets.ImageFolder(f"hymenoptera/{each}", folder) for each in ["train", "val"]}
loaders = {each: DataLoader(data[each], batch_size=32, shuffle=True) for each in ["train", "val"]}
net = models.resnet18(weights="DEFAULT")
net.fc = nn.Linear(net.fc.in_features, 2)
net = net.cuda()
train_model(net, nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9), loaders)
