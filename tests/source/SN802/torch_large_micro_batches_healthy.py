import torch
import torch.nn as nn
from torch.cuda.amp import GradScaler, autocast
from torch.utils.data import DataLoader
from torchvision import models

from retina import RetinaDataset

accumulate = 4
model = models.resnet50(num_classes=5).cuda()
loader = DataLoader(RetinaDataset("train"), batch_size=128, shuffle=True, num_workers=4)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
scaler = GradScaler()

for epoch in range(30):
    model.train()
    for i, (image, grade) in enumerate(loader):
        with autocast():
            loss = criterion(model(image.cuda()), grade.cuda())
        scaler.scale(loss / accumulate).backward()
        if (i + 1) % accumulate == 0:
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
torch.save(model.state_dict(), "retina.pt")
