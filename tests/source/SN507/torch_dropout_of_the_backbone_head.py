import torch
from torch import nn, optim
from torchvision import models


class FineTuned(nn.Module):
    def __init__(self, classes, p=0.4):
        super().__init__()
        self.backbone = models.vgg16(weights="DEFAULT").features
        self.dropout = nn.Dropout(p)
        self.bn = nn.BatchNorm1d(512)  # expect: SN507
        self.fc = nn.Linear(512, classes)

    def forward(self, x):
        x = self.backbone(x).mean(dim=(2, 3))
        x = self.dropout(x)
        x = self.bn(x)
        return self.fc(x)


def main():
    from birds import train_loader

    model = FineTuned(200).cuda()
    optimizer = optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)
    for epoch in range(20):
        model.train()
        for x, y in train_loader(batch_size=32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x.cuda()), y.cuda()).backward()
            optimizer.step()
    torch.save(model.state_dict(), "birds.pt")


main()
