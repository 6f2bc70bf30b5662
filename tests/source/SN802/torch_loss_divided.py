import torch
import torch.nn as nn
from torch.utils.data import DataLoader
from torchvision import models

from retina import RetinaDataset

ACCUMULATION_STEPS = 8

model = models.resnet50(num_classes=5).cuda()
loader = DataLoader(RetinaDataset("train"), batch_size=8, shuffle=True, num_workers=4)  # expect: SN802
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)

for epoch in range(30):
    model.train()
    optimizer.zero_grad()
    for i, (image, grade) in enumerate(loader):
        loss = criterion(model(image.cuda()), grade.cuda()) / ACCUMULATION_STEPS
        loss.backward()
        if (i + 1) % ACCUMULATION_STEPS == 0:
            optimizer.step()
            optimizer.zero_grad()
torch.save(model.state_dict(), "retina.pt")
