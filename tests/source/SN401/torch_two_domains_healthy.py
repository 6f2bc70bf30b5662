import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class Extractor(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 5, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 50, 5, bias=False)
        self.bn2 = nn.BatchNorm2d(50)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.bn1(self.conv1(x)), 2))
        x = F.relu(F.max_pool2d(self.bn2(self.conv2(x)), 2))
        return x.flatten(1)


def coral(source, target):
    d = source.size(1)
    return (torch.cov(source.t()) - torch.cov(target.t())).pow(2).sum() / (4 * d * d)


def main():
    tf = transforms.Compose([transforms.Resize(28), transforms.Grayscale(3), transforms.ToTensor()])
    source_loader = DataLoader(datasets.SVHN("data", "train", transform=tf), batch_size=64, shuffle=True)
    target_loader = DataLoader(datasets.MNIST("data", train=True, transform=tf), batch_size=64, shuffle=True)
    test_loader = DataLoader(datasets.MNIST("data", train=False, transform=tf), batch_size=256)
    extractor, classifier = Extractor().cuda(), nn.Linear(800, 10).cuda()
    optimizer = torch.optim.Adam([*extractor.parameters(), *classifier.parameters()], lr=1e-3)

    for epoch in range(20):
        extractor.train()
        for (xs, ys), (xt, _) in zip(source_loader, target_loader):
            fs, ft = extractor(torch.cat([xs, xt]).cuda()).chunk(2)
            loss = F.cross_entropy(classifier(fs), ys.cuda()) + coral(fs, ft)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        extractor.eval()
        with torch.no_grad():
            hits = sum((classifier(extractor(x.cuda())).argmax(1).cpu() == y).sum().item() for x, y in test_loader)
        print(epoch, hits / 10000)


if __name__ == "__main__":
    main()
