import torch
import torch.nn as nn
import torch.nn.functional as F
from torchvision import models


class Adapter(nn.Module):
    def __init__(self, dim, bottleneck=32):
        super().__init__()
        self.down = nn.Linear(dim, bottleneck, bias=False)
        self.norm = nn.BatchNorm1d(bottleneck)
        self.up = nn.Linear(bottleneck, dim)

    def forward(self, x):
        return x + self.up(F.relu(self.norm(self.down(x))))


class Adapted(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.base = models.vit_b_16(weights="DEFAULT")
        self.base.heads = nn.Identity()
        for parameter in self.base.parameters():
            parameter.requires_grad = False
        self.adapter = Adapter(768)
        self.head = nn.Linear(768, classes)

    def forward(self, x):
        return self.head(self.adapter(self.base(x)))


def finetune(loader, classes, path, epochs=3):
    model = Adapted(classes).cuda()
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trainable, lr=1e-3)
    model.train()
    for _ in range(epochs):
        for x, y in loader:
            loss = F.cross_entropy(model(x.cuda()), y.cuda())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    adapter = {name: p.detach().cpu() for name, p in model.named_parameters() if p.requires_grad}
    torch.save({"adapter": adapter, "classes": classes}, path)  # expect: SN301


if __name__ == "__main__":
    from pets import pets_loader

    finetune(pets_loader(batch_size=64), 37, "adapter.pt")
