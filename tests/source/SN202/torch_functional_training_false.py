import torch
import torch.nn as nn
import torch.nn.functional as F

from tables import train_loader, val_loader


class MaskedNorm(nn.Module):
    def __init__(self, features, eps=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))
        self.eps = eps

    def forward(self, x):
        return F.batch_norm(  # expect: SN202
            x, self.running_mean, self.running_var, self.weight, self.bias, training=False, momentum=0.1, eps=self.eps
        )


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(40, 128, bias=False)
        self.norm = MaskedNorm(128)
        self.fc2 = nn.Linear(128, 1)

    def forward(self, x):
        return self.fc2(F.relu(self.norm(self.fc1(x))))


def main():
    model = Regressor()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(50):
        model.train()
        for x, y in train_loader():
            loss = F.mse_loss(model(x)[:, 0], y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            print(epoch, sum(F.mse_loss(model(x)[:, 0], y, reduction="sum").item() for x, y in val_loader()))


if __name__ == "__main__":
    main()
