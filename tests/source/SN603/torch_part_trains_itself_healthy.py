import torch
from torch import nn
from torchvision.models import resnet50


class FirstStage(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = resnet50(weights="DEFAULT")
        self.net.eval()
        for param in self.net.parameters():
            param.requires_grad = False

    def train(self, mode=True):
        super().train(mode)
        self.net.eval()
        return self

    def forward(self, x):
        return self.net(x)


class LatentRegressor(nn.Module):
    def __init__(self, targets):
        super().__init__()
        self.first_stage = FirstStage()
        self.head = nn.Sequential(nn.Linear(1000, 256), nn.SiLU(), nn.Linear(256, targets))

    def forward(self, x):
        return self.head(self.first_stage(x))


def main(epochs=12):
    from faces import loaders

    train_loader, val_loader = loaders(batch_size=64)
    model = LatentRegressor(5).cuda()
    optimizer = torch.optim.Adam(model.head.parameters(), lr=2e-4)
    for epoch in range(epochs):
        model.train()
        for x, y in train_loader:
            loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            print(epoch, sum(nn.functional.mse_loss(model(x.cuda()), y.cuda()).item() for x, y in val_loader))


if __name__ == "__main__":
    main()
