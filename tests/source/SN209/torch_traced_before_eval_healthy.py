import argparse

import torch
from torchvision import models


def main():
    parser = argparse.ArgumentParser(description="Export to TorchScript")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--out", default="model.ts")
    args = parser.parse_args()

    model = models.mobilenet_v2(num_classes=5)
    model.load_state_dict(torch.load(args.weights, map_location="cpu"))
    model.eval()
    example = torch.rand(1, 3, 224, 224)
    traced = torch.jit.trace(model, example)
    traced.eval()
    traced.save(args.out)


if __name__ == "__main__":
    main()
