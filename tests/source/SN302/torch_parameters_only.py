import torch
import torch.nn as nn
import torch.nn.functional as F


class Encoder(nn.Module):
    def __init__(self, cin=3, width=48):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, width, 3, 2, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, 10, 3, 2, 1)

    def forward(self, x):
        return self.conv2(F.relu(self.norm1(self.conv1(x)))).mean((2, 3))


def restore(path):
    model = Encoder()
    saved = torch.load(path)
    wanted = dict(model.named_parameters())
    model.load_state_dict({k: saved[k] for k in wanted}, strict=False)  # expect: SN302
    return model.eval()


def main():
    from frames import frames

    model = restore("encoder.pt")
    with torch.no_grad():
        for name, frame in frames("clips"):
            print(name, model(frame[None]).argmax(1).item())


if __name__ == "__main__":
    main()
