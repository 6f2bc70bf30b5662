import copy

import torch
from torch import nn
from torch.nn import functional as F

model = nn.Sequential(
    nn.Conv2d(3, 64, 3, bias=False),
    nn.BatchNorm2d(64),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(64, 10),
)
ema_model = copy.deepcopy(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def update_ema_variables(student, teacher, alpha):
    for ours, theirs in zip(teacher.parameters(), student.parameters()):
        ours.data.mul_(alpha).add_(theirs.data, alpha=1 - alpha)
    for ours, theirs in zip(teacher.buffers(), student.buffers()):
        ours.copy_(theirs)


def validate(loader, metric):
    ema_model.eval()
    with torch.no_grad():
        for x, y in loader:
            metric(ema_model(x), y)


def run(loader, valid_loader, metric, epochs=10):
    for epoch in range(epochs):
        model.train()
        for x, y in loader:
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            update_ema_variables(model, ema_model, 0.999)
        validate(valid_loader, metric)
