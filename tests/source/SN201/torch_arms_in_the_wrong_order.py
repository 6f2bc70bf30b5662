import torch
import torch.nn as nn
import torch.nn.functional as F


class Norm(nn.BatchNorm2d):
    def forward(self, x):
        if not self.training:
            return F.batch_norm(  # expect: SN201
                x, self.running_mean, self.running_var, self.weight, self.bias, True
            )
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, self.training)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, bias=False)
        self.norm = Norm(16)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        return self.head(F.relu(self.norm(self.conv(x))).mean((2, 3)))


if __name__ == "__main__":
    net = Net()
    net.load_state_dict(torch.load("net.pt"))
    net.eval()
    print(net(torch.load("x.pt")).argmax(1))
