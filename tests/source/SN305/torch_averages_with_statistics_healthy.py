import copy

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torchvision import models
from timm.utils import ModelEmaV2

from data import loaders


class ModelEMA:
    def __init__(self, model, decay=0.9999):
        self.ema = copy.deepcopy(model).eval()
        self.decay = decay

    def update(self, model):
        with torch.no_grad():
            state = model.state_dict()
            for key, value in self.ema.state_dict().items():
                if value.dtype.is_floating_point:
                    value *= self.decay
                    value += (1 - self.decay) * state[key].detach()


def momentum_update(online, target, m=0.996):
    """BYOL's target runs in training mode, and never in inference."""
    for p, q in zip(online.parameters(), target.parameters()):
        q.data = m * q.data + (1 - m) * p.data


def main():
    train_loader, val_loader = loaders(batch_size=256)
    model = models.resnet50(num_classes=10).cuda()
    own, averaged = ModelEMA(model), ModelEmaV2(model, decay=0.9998)
    library = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.999), use_buffers=True)
    byol_target = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(100):
        model.train()
        for x, y in train_loader:
            x, y = x.cuda(), y.cuda()
            with torch.no_grad():
                consistency = byol_target(x.flip(-1))
            out = model(x)
            loss = nn.functional.cross_entropy(out, y) + nn.functional.mse_loss(out, consistency)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            own.update(model)
            averaged.update(model)
            library.update_parameters(model)
            momentum_update(model, byol_target)
        library.eval()
        with torch.no_grad():
            for net in (own.ema, averaged.module, library):
                print(sum((net(x.cuda()).argmax(1).cpu() == y).sum().item() for x, y in val_loader))


if __name__ == "__main__":
    main()
