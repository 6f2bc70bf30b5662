import torch
import torch.nn.functional as F
from torch import nn
from torchvision import models

from photos import labeled, pairs


class SimCLR(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = models.resnet50()
        self.encoder.fc = nn.Identity()
        self.projector = nn.Sequential(
            nn.Linear(2048, 512, bias=False), nn.BatchNorm1d(512), nn.ReLU(True), nn.Linear(512, 128)
        )

    def forward(self, images):
        features = self.encoder(images)
        return features, F.normalize(self.projector(features), dim=-1)


model = SimCLR().cuda()
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
for epoch in range(500):
    model.train()
    for first, second in pairs:
        one, other = model(first.cuda())[1], model(second.cuda())[1]
        both = torch.cat([one, other])
        loss = (both @ both.t() / 0.5).logsumexp(1).mean() - (one * other).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
torch.save(model.state_dict(), "simclr.pt")

for parameter in model.parameters():
    parameter.requires_grad = False  # expect: SN601
head = nn.Linear(2048, 10).cuda()
optimizer = torch.optim.SGD(head.parameters(), 0.1)
for epoch in range(50):
    for images, labels in labeled:
        with torch.no_grad():
            features, _ = model(images.cuda())
        loss = F.cross_entropy(head(features), labels.cuda())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
torch.save(head.state_dict(), "head.pt")
