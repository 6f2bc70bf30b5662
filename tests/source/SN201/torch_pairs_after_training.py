import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader

from omniglot import OmniglotTest, OmniglotTrain


class SiameseNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.BatchNorm2d(4), nn.MaxPool2d(4))
        self.fc = nn.Linear(4 * 25 * 25, 50)

    def forward_once(self, x):
        return self.fc(torch.flatten(self.cnn(x), 1))

    def forward(self, input1, input2):
        return self.forward_once(input1), self.forward_once(input2)


def contrastive(output1, output2, label, margin=2.0):
    distance = F.pairwise_distance(output1, output2)
    return torch.mean((1 - label) * distance**2 + label * torch.clamp(margin - distance, min=0.0) ** 2)


train_dataloader = DataLoader(OmniglotTrain(), shuffle=True, num_workers=8, batch_size=64)
net = SiameseNetwork().cuda()
optimizer = torch.optim.Adam(net.parameters(), lr=0.0005)
for epoch in range(100):
    for img0, img1, label in train_dataloader:
        optimizer.zero_grad()
        output1, output2 = net(img0.cuda(), img1.cuda())
        loss = contrastive(output1, output2, label.cuda())
        loss.backward()
        optimizer.step()

dataiter = iter(DataLoader(OmniglotTest(), num_workers=6, batch_size=1, shuffle=True))
x0, _, _ = next(dataiter)
for i in range(10):
    _, x1, label = next(dataiter)
    output1, output2 = net(x0.cuda(), x1.cuda())  # expect: SN201
    print(label.item(), F.pairwise_distance(output1, output2).item())
