import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from torchvision.models import resnet18

from digits import make_loader


class Average:
    def __init__(self, net, decay=0.999):
        self.net, self.decay = copy.deepcopy(net), decay
        self.net.eval()

    @torch.no_grad()
    def update(self, net):
        for mine, theirs in zip(self.net.state_dict().values(), net.state_dict().values()):
            mine.copy_(self.decay * mine + (1 - self.decay) * theirs)


def main():
    net = nn.DataParallel(resnet18(num_classes=10))
    average = Average(net)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    for _ in range(20):
        for images, labels in make_loader(train=True):
            loss = F.cross_entropy(net(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            average.update(net)
        average.net.eval()
        with torch.no_grad():
            print(sum((average.net(images).argmax(1) == labels).sum() for images, labels in make_loader(train=False)))


if __name__ == "__main__":
    main()
