import copy

import torch
import torch.nn.functional as F
from torchvision import models

from data import loaders


@torch.no_grad()
def update_ema(ema_model, model, decay=0.999):
    for ema_param, param in zip(ema_model.parameters(), model.parameters()):
        ema_param.mul_(decay).add_(param, alpha=1 - decay)  # expect: SN305


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    return sum((model(x.cuda()).argmax(1).cpu() == y).sum().item() for x, y in loader) / len(loader.dataset)


def main(epochs=100):
    train_loader, val_loader = loaders(batch_size=128)
    model = models.resnet18(num_classes=100).cuda()
    ema = copy.deepcopy(model)
    for p in ema.parameters():
        p.requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    scaler = torch.cuda.amp.GradScaler()
    for epoch in range(epochs):
        model.train()
        for x, y in train_loader:
            with torch.autocast("cuda"):
                loss = F.cross_entropy(model(x.cuda()), y.cuda())
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            update_ema(ema, model)
        print(epoch, evaluate(ema, val_loader))
    torch.save(ema.state_dict(), "ema.pt")


if __name__ == "__main__":
    main()
