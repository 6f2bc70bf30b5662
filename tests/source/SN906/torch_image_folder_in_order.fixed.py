import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms

train_tf = transforms.Compose([transforms.RandomResizedCrop(224), transforms.ToTensor()])
train_set = datasets.ImageFolder("weather/train", train_tf)
train_loader = DataLoader(train_set, batch_size=32, num_workers=4, shuffle=True)
model = models.mobilenet_v3_small(num_classes=len(train_set.classes))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(20):
    model.train()
    for images, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
torch.save(model.state_dict(), "weather.pt")
