import torch
import torch.nn as nn
import torch.nn.functional as F
from torchvision import models

from keypoints import make_loader


def set_bn_eval(m):
    if isinstance(m, nn.modules.batchnorm._BatchNorm):
        m.eval()


def train(model, loader, optimizer, epochs):
    for epoch in range(epochs):
        model.train()
        model.apply(set_bn_eval)
        for image, heatmap in loader:
            loss = F.mse_loss(model(image.cuda())["out"], heatmap.cuda())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def main():
    model = models.segmentation.fcn_resnet50(weights_backbone="DEFAULT", num_classes=21).cuda()
    model.apply(set_bn_eval)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    train(model, make_loader("train", batch_size=8), optimizer, 30)
    torch.save(model.state_dict(), "keypoints.pt")


if __name__ == "__main__":
    main()
