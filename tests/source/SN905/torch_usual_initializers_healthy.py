import math

import torch
import torch.nn as nn


class Net(nn.Module):
    def __init__(self, vocab=100):
        super().__init__()
        self.embed = nn.Embedding(vocab, 64)
        self.conv = nn.Conv1d(64, 64, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm1d(64)
        self.cls = nn.Parameter(torch.randn(1, 64, 1))
        self.fc = nn.Linear(64, 2)
        nn.init.normal_(self.embed.weight, std=1.0)
        nn.init.normal_(self.fc.weight, std=0.01)
        for m in self.modules():
            if isinstance(m, nn.Conv1d):
                n = m.kernel_size[0] * m.out_channels
                m.weight.data.normal_(0, math.sqrt(2.0 / n))
            elif isinstance(m, nn.BatchNorm1d):
                m.weight.data.normal_(1.0, 0.02)
                m.bias.data.zero_()

    def forward(self, x):
        x = self.embed(x).transpose(1, 2) + self.cls
        return self.fc(torch.relu(self.bn(self.conv(x))).mean(-1))


def main():
    from corpus import loader

    net = Net()
    opt = torch.optim.Adam(net.parameters())
    for epoch in range(3):
        net.train()
        for x, y in loader(batch_size=64):
            opt.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
            opt.step()
    torch.save(net.state_dict(), "net.pt")


if __name__ == "__main__":
    main()
