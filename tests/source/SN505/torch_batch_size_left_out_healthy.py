import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import models

from wheat import WheatHeads


model = models.resnet34(weights=None, num_classes=4)
dataset = WheatHeads("data/train")
loader = DataLoader(dataset, batch_size=32, shuffle=True, num_workers=2)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
criterion = nn.CrossEntropyLoss()

for epoch in range(12):
    model.train()
    for image, label in loader:
        optimizer.zero_grad()
        criterion(model(image), label).backward()
        optimizer.step()
torch.save(model.state_dict(), "wheat.pt")
