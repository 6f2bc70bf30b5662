import itertools

import torch
from torch import nn


class Denoiser(nn.Module):
    def __init__(self, width=64, depth=5):
        super().__init__()
        layers = [nn.Conv2d(1, width, 3, padding=1), nn.ReLU()]
        for _ in range(depth):
            layers += [
                nn.Conv2d(width, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width, eps=1e-4, momentum=0.01),
                nn.ReLU(),
            ]
        layers.append(nn.Conv2d(width, 1, 3, padding=1))
        self.body = nn.Sequential(*layers)

    def forward(self, noisy):
        return noisy - self.body(noisy)


def run(loader, val_loader, iterations=800, sigma=25 / 255):
    model = Denoiser().cuda()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    stream = itertools.cycle(loader)
    model.train()
    for step in range(iterations):
        clean = next(stream).cuda()
        noisy = clean + sigma * torch.randn_like(clean)
        loss = nn.functional.mse_loss(model(noisy), clean)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        errors = [
            nn.functional.mse_loss(model(x.cuda() + sigma * torch.randn_like(x.cuda())), x.cuda()) for x in val_loader
        ]
    return torch.stack(errors).mean()


if __name__ == "__main__":
    from patches import patch_loader

    print(run(patch_loader("train"), patch_loader("val")))
