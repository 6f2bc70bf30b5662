import torch, torchvision
from torch import nn


class FineTuner(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.backbone = torchvision.models.resnet50(weights='IMAGENET1K_V2')
        self.backbone.fc = nn.Linear(2048, classes)
        self.freeze_bn()

    def freeze_bn(self):
        for m in self.backbone.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.eval()
                m.requires_grad_(False)

    def train(self, mode=True):
        super().train(mode)
        self.freeze_bn()
        return self

    def forward(self, x):
        return self.backbone(x)


def train(model, train_loader, val_loader, epochs=3):
    opt = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-4)
    for epoch in range(epochs):
        model.train()
        for x, y in train_loader:
            opt.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            opt.step()
        model.eval()
        with torch.no_grad():
            ok = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(epoch, ok)


if __name__ == '__main__':
    dataset = torchvision.datasets.ImageFolder('train', torchvision.transforms.ToTensor())
    val = torchvision.datasets.ImageFolder('val', torchvision.transforms.ToTensor())
    mk = torch.utils.data.DataLoader
    train(FineTuner(12), mk(dataset, 32, True), mk(val, 32))
