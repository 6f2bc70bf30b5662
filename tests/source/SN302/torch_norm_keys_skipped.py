import torch
import torch.nn as nn


class Tracker(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential()
        self.features.add_module("conv1", nn.Conv2d(3, 96, 11, stride=2, bias=False))
        self.features.add_module("bn1", nn.BatchNorm2d(96))
        self.features.add_module("relu1", nn.ReLU(inplace=True))
        self.features.add_module("conv2", nn.Conv2d(96, 256, 5))

    def forward(self, z, x):
        z, x = self.features(z), self.features(x)
        return nn.functional.conv2d(x, z)


class Demo:
    def __init__(self, path):
        self.net = Tracker()
        pretrained = torch.load(path, map_location=lambda storage, loc: storage)
        kept = {}
        for key, value in pretrained.items():
            if "bn" in key:
                continue
            kept[key] = value
        model_dict = self.net.state_dict()
        model_dict.update(kept)
        self.net.load_state_dict(model_dict)  # expect: SN302
        self.net.eval()

    @torch.no_grad()
    def track(self, exemplar, search):
        return self.net(exemplar, search).flatten(1).argmax(1)


if __name__ == "__main__":
    demo = Demo("siamfc.pth")
    exemplar, searches = torch.load("sequence.pt")
    for search in searches:
        print(demo.track(exemplar, search))
