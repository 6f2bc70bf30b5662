import torch
from torch import nn
from torchvision import models


def recalibrate(model, loader, batches=200):
    """Re-estimates the statistics after pruning."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    model.train()
    with torch.no_grad():
        for index, (x, _) in enumerate(loader):
            if index == batches:
                break
            model(x.cuda())
    model.eval()


def main(train_loader, test_loader):
    model = models.resnet34()
    model.load_state_dict(torch.load("pruned.pt"))
    model.cuda()
    recalibrate(model, train_loader)
    with torch.no_grad():
        hits = sum((model(x.cuda()).argmax(1).cpu() == y).sum().item() for x, y in test_loader)
    print(hits / len(test_loader.dataset))


if __name__ == "__main__":
    from data import loaders

    main(*loaders())
