import torch
import torch.nn as nn
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms

transform = transforms.Compose([transforms.Resize((224, 224)), transforms.ToTensor()])
train_loader = DataLoader(datasets.ImageFolder("ants/train", transform), batch_size=32, shuffle=True)
val_loader = DataLoader(datasets.ImageFolder("ants/val", transform), batch_size=32)

model_conv = models.resnet18(weights="IMAGENET1K_V1")
for param in model_conv.parameters():
    param.requires_grad = False  # expect: SN601
model_conv.fc = nn.Linear(model_conv.fc.in_features, 2)
criterion = nn.CrossEntropyLoss()
optimizer_conv = torch.optim.SGD(model_conv.fc.parameters(), lr=0.001, momentum=0.9)

for epoch in range(25):
    model_conv.train()
    for inputs, labels in train_loader:
        optimizer_conv.zero_grad()
        loss = criterion(model_conv(inputs), labels)
        loss.backward()
        optimizer_conv.step()

    model_conv.eval()
    corrects = 0
    with torch.no_grad():
        for inputs, labels in val_loader:
            corrects += (model_conv(inputs).argmax(1) == labels).sum().item()
    print(epoch, corrects / len(val_loader.dataset))
