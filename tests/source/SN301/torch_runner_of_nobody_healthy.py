import torch
from torch.nn import functional as F
from torchvision.models import resnet18


class Runner:
    def __init__(self, args):
        self.args = args
        self.build()

    def build(self):
        self.net = resnet18(num_classes=10).cuda()
        self.optimizer = torch.optim.Adam(self.net.parameters())

    def save(self):
        torch.save(self.net.state_dict(), "net.pth")

    def train(self, loader):
        self.net.train()
        for x, y in loader:
            loss = F.cross_entropy(self.net(x), y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        self.save()
