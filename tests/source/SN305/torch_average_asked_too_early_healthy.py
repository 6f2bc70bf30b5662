import torch
import torch.nn.functional as F
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn
from torchvision.models import resnet18

from digits import make_loader


def run(net, loader, optimizer=None):
    net.train(optimizer is not None)
    total = 0.0
    for images, labels in loader:
        with torch.set_grad_enabled(optimizer is not None):
            loss = F.cross_entropy(net(images), labels)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.item()
    return total / len(loader)


def main():
    train, valid = make_loader(train=True), make_loader(train=False)
    net = resnet18(num_classes=10)
    averaged = AveragedModel(net)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    schedule = SWALR(optimizer, swa_lr=0.05)
    for epoch in range(100):
        run(net, train, optimizer)
        if epoch >= 75:
            averaged.update_parameters(net)
            schedule.step()
            update_bn(train, averaged)
            print(epoch, run(averaged, valid))
    torch.save(averaged.module.state_dict(), "averaged.pt")


if __name__ == "__main__":
    main()
