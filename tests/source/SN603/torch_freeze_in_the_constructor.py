import torch
import torch.nn as nn
import torchvision.models as models


class FineTuner(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.backbone = models.resnet101(weights="IMAGENET1K_V2")
        self.backbone.fc = nn.Identity()
        self.head = nn.Sequential(nn.Linear(2048, 256), nn.ReLU(), nn.Linear(256, num_classes))
        self.freeze_backbone()

    def freeze_backbone(self):
        for param in self.backbone.parameters():
            param.requires_grad = False
        for module in self.backbone.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()  # expect: SN603

    def forward(self, x):
        return self.head(self.backbone(x))


def run(epochs=15):
    from cars import loaders

    train_loader, val_loader = loaders(batch_size=48)
    model = FineTuner(196).cuda()
    optimizer = torch.optim.AdamW(model.head.parameters(), lr=3e-4)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    for epoch in range(epochs):
        model.train()
        for x, y in train_loader:
            loss = criterion(model(x.cuda()), y.cuda())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            print(epoch, sum((model(x.cuda()).argmax(1).cpu() == y).sum().item() for x, y in val_loader))


if __name__ == "__main__":
    run()
