import copy

import torch
import torch.nn.functional as F
from torchvision.models import resnet18

from digits import make_loader


class Average:
    def __init__(self, net, decay=0.999):
        self.net, self.decay = copy.deepcopy(net), decay
        self.net.requires_grad_(False)

    @torch.no_grad()
    def update(self, net):
        for mine, theirs in zip(self.net.state_dict().values(), net.state_dict().values()):
            if mine.dtype.is_floating_point:
                mine.mul_(self.decay).add_(theirs, alpha=1 - self.decay)
            else:
                mine.copy_(theirs)


@torch.no_grad()
def accuracy(net, loader):
    net.eval()
    return sum((net(images).argmax(1) == labels).sum().item() for images, labels in loader)


def main():
    train, test = make_loader(train=True), make_loader(train=False)
    net = resnet18(num_classes=10)
    average = Average(net)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    for _ in range(20):
        net.train()
        for images, labels in train:
            loss = F.cross_entropy(net(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            average.update(net)
        print(accuracy(average.net, test))


if __name__ == "__main__":
    main()
