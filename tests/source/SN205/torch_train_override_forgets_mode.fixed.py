import torch
import torch.nn as nn
from torchvision import models


class Embedder(nn.Module):
    def __init__(self, dim=128, freeze_stem=True):
        super().__init__()
        self.backbone = models.resnet50(weights="IMAGENET1K_V2")
        self.backbone.fc = nn.Identity()
        self.proj = nn.Linear(2048, dim)
        self.freeze_stem = freeze_stem

    def train(self, mode=True):
        super().train(mode)  # expect: SN205
        if self.freeze_stem:
            self.backbone.bn1.eval()
        return self

    def forward(self, x):
        return nn.functional.normalize(self.proj(self.backbone(x)))


def embed(model, loader):
    model.eval()
    with torch.no_grad():
        return torch.cat([model(x.cuda()).cpu() for x, _ in loader])


def train(model, loader, epochs):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    criterion = nn.TripletMarginLoss()
    for epoch in range(epochs):
        model.train()
        for anchor, positive, negative in loader:
            a, p, n = model(torch.cat([anchor, positive, negative]).cuda()).chunk(3)
            loss = criterion(a, p, n)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


if __name__ == "__main__":
    from triplets import gallery_loader, train_loader

    model = Embedder().cuda()
    train(model, train_loader(batch_size=32), 20)
    torch.save(embed(model, gallery_loader()), "gallery.pt")
