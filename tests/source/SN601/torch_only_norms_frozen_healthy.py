import torch
import torch.nn as nn
import torchvision
from torch.utils.data import DataLoader

from traffic import TrafficSigns


class SignNet(nn.Module):
    def __init__(self, classes=43):
        super().__init__()
        self.backbone = torchvision.models.efficientnet_b0(weights="DEFAULT").features
        self.head = nn.Linear(1280, classes)

    def forward(self, x):
        return self.head(self.backbone(x).mean((2, 3)))

    def freeze_bn(self):
        for m in self.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.eval()
                m.weight.requires_grad = False
                m.bias.requires_grad = False


class Finetuner:
    def __init__(self):
        self.model = SignNet().cuda()
        self.model.freeze_bn()
        self.optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, self.model.parameters()), lr=1e-4)
        self.loader = DataLoader(TrafficSigns("train"), batch_size=16, shuffle=True)

    def train(self, epochs):
        for _ in range(epochs):
            self.model.train()
            self.model.freeze_bn()
            for image, label in self.loader:
                loss = nn.functional.cross_entropy(self.model(image.cuda()), label.cuda())
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
        torch.save(self.model.state_dict(), "signs.pt")


if __name__ == "__main__":
    Finetuner().train(epochs=6)
