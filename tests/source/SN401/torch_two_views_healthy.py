"""Both views are augmentations of one image, drawn in the same way."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms


class TwoCrops:
    def __init__(self, transform):
        self.transform = transform

    def __call__(self, x):
        return self.transform(x), self.transform(x)


class SimSiam(nn.Module):
    def __init__(self, dim=512):
        super().__init__()
        self.encoder = models.resnet18(num_classes=dim)
        self.predictor = nn.Sequential(
            nn.Linear(dim, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, dim)
        )

    def forward(self, x1, x2):
        z1, z2 = self.encoder(x1), self.encoder(x2)
        p1, p2 = self.predictor(z1), self.predictor(z2)
        return p1, p2, z1.detach(), z2.detach()


def main():
    augment = transforms.Compose([transforms.RandomResizedCrop(32), transforms.ToTensor()])
    loader = DataLoader(datasets.CIFAR10("data", transform=TwoCrops(augment)), batch_size=512, shuffle=True)
    model = SimSiam().cuda()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(800):
        model.train()
        for (x1, x2), _ in loader:
            p1, p2, z1, z2 = model(x1.cuda(), x2.cuda())
            loss = -(F.cosine_similarity(p1, z2).mean() + F.cosine_similarity(p2, z1).mean()) / 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    torch.save(model.encoder.state_dict(), "encoder.pt")


if __name__ == "__main__":
    main()
