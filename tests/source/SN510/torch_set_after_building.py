import torch
from torch import nn
from torchvision import models


def set_bn_momentum(model, momentum=0.997):
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.SyncBatchNorm)):
            module.momentum = momentum  # expect: SN510 likely


def build(classes):
    model = models.resnet50(num_classes=classes)
    set_bn_momentum(model)
    return model


if __name__ == "__main__":
    torch.save(build(80).state_dict(), "init.pth")
