import torch
import torch.nn as nn
from torch.utils.data import DataLoader

from fonts import Fonts


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 32, 3, bias=False)
        self.bn = nn.BatchNorm2d(32)
        self.fc = nn.Linear(32, 26)

    def forward(self, x):
        return self.fc(torch.relu(self.bn(self.conv(x))).mean((2, 3)))


def main():
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    norms = []
    for epoch in range(8):
        net.train()
        for image, letter in DataLoader(Fonts("train"), batch_size=64, shuffle=True):
            loss = nn.functional.cross_entropy(net(image), letter)
            optimizer.zero_grad()
            loss.backward()
            norms.append({n: p.grad.norm().item() for n, p in net.named_parameters() if p.grad is not None})
            optimizer.step()
        torch.save(
            {"epoch": epoch, "state_dict": net.state_dict(), "optimizer": optimizer.state_dict()}, f"net_{epoch}.pt"
        )
    torch.save(norms, "gradient_norms.pt")
    torch.save({n: tuple(p.shape) for n, p in net.named_parameters()}, "shapes.pt")
    torch.save([p.detach() for p in net.fc.parameters()], "linear_probe.pt")
    torch.save(dict(net.named_parameters()) | dict(net.named_buffers()), "all.pt")


if __name__ == "__main__":
    main()
