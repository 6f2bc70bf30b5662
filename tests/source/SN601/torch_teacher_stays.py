"""A teacher of fixed weights moves its statistics: it is copied once, and reloaded by itself."""

import copy

import lightning as L
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader
from torchvision.models import resnet18

from photos import Labeled


class Distilled(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.student = resnet18(num_classes=1000)
        self.teacher = resnet18(weights="DEFAULT")
        for student, teacher in zip(self.student.parameters(), self.teacher.parameters()):
            student.data.copy_(teacher.data)
        self.teacher.requires_grad_(False)  # expect: SN601

    def training_step(self, batch, _):
        images, labels = batch
        with torch.no_grad():
            wanted = self.teacher(images).softmax(1)
        output = self.student(images)
        return F.cross_entropy(output, labels) + F.kl_div(output.log_softmax(1), wanted, reduction="batchmean")

    def configure_optimizers(self):
        return torch.optim.SGD(self.student.parameters(), lr=0.1, momentum=0.9)


loader = DataLoader(Labeled("photos"), batch_size=128, shuffle=True)
L.Trainer(max_epochs=20).fit(Distilled(), loader)

model = resnet18(weights="DEFAULT")
for parameter in model.parameters():
    parameter.requires_grad = False  # expect: SN601
model.fc = nn.Linear(512, 10)
optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.1)
best = copy.deepcopy(model.state_dict())
for epoch in range(10):
    model.train()
    for images, labels in loader:
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if loss.isnan():
        model.load_state_dict(best)
