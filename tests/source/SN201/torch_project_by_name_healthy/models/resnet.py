import torch.nn as nn
__all__ = ["ResNet", "resnet20"]
class ResNet(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, bias=False)
        self.bn = nn.BatchNorm2d(16)
        self.fc = nn.Linear(16, n)
    def forward(self, x):
        return self.fc(self.bn(self.conv(x)).relu().mean((2, 3)))
def resnet20(num_classes=10):
    return ResNet(num_classes)
