"""The checkpoint has the parameters alone."""

# source: SN301
# live:
# stored: SN301
import sys

import torch
from digits import accuracy, load
from torch import nn
from torch.nn import functional

from steadynorm import Subject


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 48, bias=False)
        self.bn1 = nn.BatchNorm1d(48)
        self.fc2 = nn.Linear(48, 48, bias=False)
        self.bn2 = nn.BatchNorm1d(48)
        self.head = nn.Linear(48, 10)

    def forward(self, x):
        x = functional.relu(self.bn1(self.fc1(x)))
        x = functional.relu(self.bn2(self.fc2(x)))
        return self.head(x)


def train_step(model, optimizer, batch):
    images, labels = batch
    model.train()
    optimizer.zero_grad()
    loss = functional.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        hits = sum(accuracy(model(images), labels) * len(labels) for images, labels in batches)
    return hits / sum(len(labels) for _, labels in batches)


def main(target):
    torch.manual_seed(0)
    training, validation = load()
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(5):
        for batch in training:
            train_step(model, optimizer, batch)
        print(evaluate(model, validation))
    torch.save(dict(model.named_parameters()), target)
    return Subject(
        model,
        training,
        validation,
        loss=functional.cross_entropy,
        metric=accuracy,
        optimizer=optimizer,
        train_step=train_step,
        evaluate=evaluate,
    )


if __name__ == "__main__":
    main(sys.argv[1])
