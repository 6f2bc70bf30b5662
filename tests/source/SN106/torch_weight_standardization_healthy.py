import torch
import torch.nn as nn
import torch.nn.functional as F


class StdConv2d(nn.Conv2d):
    """Convolution with standardized weights: batch_norm normalizes the kernel, not the data."""

    def forward(self, x):
        weight = F.batch_norm(
            self.weight.reshape(1, self.out_channels, -1), None, None, training=True, momentum=0.0, eps=1e-6
        ).reshape_as(self.weight)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class AdaIN(nn.Module):
    def __init__(self, num_features):
        super().__init__()
        self.num_features = num_features
        self.norm = nn.InstanceNorm2d(num_features, affine=False, track_running_stats=False)

    def forward(self, x, style):
        scale, shift = style.chunk(2, dim=1)
        return (1 + scale[..., None, None]) * self.norm(x) + shift[..., None, None]


class Generator(nn.Module):
    def __init__(self, dim=64):
        super().__init__()
        self.conv = StdConv2d(3, dim, 3, padding=1)
        self.adain = AdaIN(dim)
        self.out = nn.Conv2d(dim, 3, 1)

    def forward(self, x, style):
        return torch.tanh(self.out(F.leaky_relu(self.adain(self.conv(x), style), 0.2)))


def main():
    model = Generator()
    model.load_state_dict(torch.load("generator.pt"))
    model.eval()
    with torch.no_grad():
        print(model(torch.load("content.pt"), torch.load("style.pt")).shape)


if __name__ == "__main__":
    main()
