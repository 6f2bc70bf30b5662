import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader

from voc import VOCSegmentation


class ImagePooling(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)
        self.bn = nn.BatchNorm2d(cout)

    def forward(self, x):
        y = F.relu(self.bn(self.conv(self.pool(x))))  # expect: SN204
        return F.interpolate(y, size=x.shape[-2:], mode="bilinear", align_corners=False)


class Segmenter(nn.Module):
    def __init__(self, classes=21):
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(64)
        self.pooling = ImagePooling(64, 64)
        self.classifier = nn.Conv2d(128, classes, 1)

    def forward(self, image):
        x = F.relu(self.bn(self.conv(image)))
        x = torch.cat([x, self.pooling(x)], dim=1)
        return F.interpolate(self.classifier(x), size=image.shape[-2:], mode="bilinear", align_corners=False)


if __name__ == "__main__":
    loader = DataLoader(VOCSegmentation("train"), batch_size=1, shuffle=True, num_workers=2)  # expect: SN505
    net = Segmenter().cuda()
    optimizer = torch.optim.SGD(net.parameters(), lr=7e-3, momentum=0.9)
    for epoch in range(50):
        net.train()
        for image, label in loader:
            loss = F.cross_entropy(net(image.cuda()), label.cuda(), ignore_index=255)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        torch.save(net.state_dict(), "segmenter.pth")
