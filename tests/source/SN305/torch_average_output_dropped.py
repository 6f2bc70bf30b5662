import copy

import torch
from data import loaders
from torch.nn import functional as F
from torchvision.models import resnet18


def main():
    train_loader, valid_loader = loaders()
    model = resnet18(num_classes=10)
    average = copy.deepcopy(model)
    for parameter in average.parameters():
        parameter.requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    head_outputs = []
    average.avgpool.register_forward_hook(lambda module, given, output: head_outputs.append(output))
    for epoch in range(10):
        model.train()
        for x, y in train_loader:
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                for ours, theirs in zip(average.parameters(), model.parameters()):
                    ours.mul_(0.999).add_(theirs, alpha=0.001)  # expect: SN305
        average.eval()
        with torch.no_grad():
            for x, _ in valid_loader:
                average(x)


if __name__ == "__main__":
    main()
