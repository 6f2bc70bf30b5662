import torch
import torch.nn.functional as F
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn
from torchvision.models import resnet18

from digits import make_loader


def main():
    train, test = make_loader(train=True), make_loader(train=False)
    net = resnet18(num_classes=10)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    averaged, schedule = AveragedModel(net), SWALR(optimizer, swa_lr=0.05)
    for epoch in range(100):
        for images, labels in train:
            optimizer.zero_grad()
            F.cross_entropy(net(images), labels).backward()
            optimizer.step()
        if epoch >= 75:
            averaged.update_parameters(net)
            schedule.step()
    update_bn(train, averaged)
    with torch.no_grad():
        print(sum((averaged(images).argmax(1) == labels).sum().item() for images, labels in test))  # expect: SN201


if __name__ == "__main__":
    main()
