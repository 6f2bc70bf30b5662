import torch
import torch.nn as nn
import torch.nn.functional as F

from saliency import loader


class SaliencyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 1, 1)

    def forward(self, x):
        return torch.tanh(self.conv2(F.relu(self.bn1(self.conv1(x)))))


net = SaliencyNet().cuda()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(20):
    net.train()
    for image, saliency in loader(batch_size=32):
        prediction = net(image.cuda())
        loss = F.binary_cross_entropy(prediction, saliency.cuda())  # expect: SN903
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
torch.save(net.state_dict(), "saliency.pt")
