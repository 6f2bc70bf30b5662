import torch
import torch.nn as nn
from torch.utils.data import DataLoader
from torchvision import models

from ade import ADE20K

model = models.segmentation.deeplabv3_resnet50(num_classes=150)
model = nn.DataParallel(model, device_ids=[0, 1, 2, 3]).cuda()  # expect: SN801
loader = DataLoader(ADE20K("train"), batch_size=16, shuffle=True, num_workers=16)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
criterion = nn.CrossEntropyLoss(ignore_index=255)

for epoch in range(50):
    model.train()
    for image, target in loader:
        loss = criterion(model(image.cuda())["out"], target.cuda())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.save(model.module.state_dict(), f"deeplab_{epoch}.pth")
