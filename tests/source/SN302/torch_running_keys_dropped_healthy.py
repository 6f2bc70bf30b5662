import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import models

from xray import XrayDataset


def load_weights(model, path):
    checkpoint = torch.load(path, map_location="cpu")
    state = {k.replace("module.", ""): v for k, v in checkpoint["state_dict"].items()}
    model.load_state_dict(state)
    return model


@torch.no_grad()
def test(model, loader):
    model.eval()
    scores = [torch.sigmoid(model(x)) for x, _ in loader]
    return torch.cat(scores)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    args = parser.parse_args()
    model = models.densenet121()
    model.classifier = nn.Linear(1024, 14)
    model = load_weights(model, args.checkpoint)
    scores = test(model, DataLoader(XrayDataset("test"), batch_size=32))
    torch.save(scores, "scores.pt")
