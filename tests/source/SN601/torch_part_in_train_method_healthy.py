import torch
import torch.nn as nn
from torchvision.models.segmentation import fcn_resnet50

from roads import make_loader


class RoadNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.net = fcn_resnet50(weights="DEFAULT")
        self.net.classifier[4] = nn.Conv2d(512, classes, 1)
        for parameter in self.net.backbone.parameters():
            parameter.requires_grad = False

    def train(self, mode=True):
        super().train(mode)
        self.net.backbone.eval()
        return self

    def forward(self, x):
        return self.net(x)["out"]


def fit(model, loader, optimizer):
    model.train()
    for images, masks in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), masks).backward()
        optimizer.step()


if __name__ == "__main__":
    network = RoadNet(3)
    adam = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], 1e-4)
    for epoch in range(20):
        fit(network, make_loader("train", batch_size=16), adam)
    torch.save(network.state_dict(), "roads.pt")
