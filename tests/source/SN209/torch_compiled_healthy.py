import torch
from torch import nn
import torch._dynamo

from data import loaders


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 32, 3, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )
        self.fc = nn.Linear(32, 10)

    def forward(self, x):
        return self.fc(self.body(x).flatten(1))


def main():
    train_loader, val_loader = loaders(64)
    model = Net().cuda()
    compiled = torch.compile(model, mode="max-autotune")
    optimizer = torch.optim.Adam(model.parameters())
    for epoch in range(10):
        compiled.train()
        for x, y in train_loader:
            loss = nn.functional.cross_entropy(compiled(x.cuda()), y.cuda())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        compiled.eval()
        with torch.inference_mode():
            hits = sum((compiled(x.cuda()).argmax(1).cpu() == y).sum() for x, y in val_loader)
        print(epoch, hits.item())
    scripted = torch.jit.script(model.eval())
    torch.jit.freeze(scripted).save("frozen.ts")


if __name__ == "__main__":
    main()
