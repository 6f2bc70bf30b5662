"""Images and their negatives, in two batches or in one. Put right."""

# source:
# live:
# stored:
import sys

import torch
from digits import accuracy, load
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

from steadynorm import Subject


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 48, bias=False)
        self.norm1 = nn.BatchNorm1d(48)
        self.fc2 = nn.Linear(48, 48, bias=False)
        self.norm2 = nn.BatchNorm1d(48)
        self.head = nn.Linear(48, 10)

    def forward(self, x):
        x = functional.relu(self.norm1(self.fc1(x)))
        x = functional.relu(self.norm2(self.fc2(x)))
        return self.head(x)


def forward(model, batch):
    (images, _), (negatives, _) = batch
    return model(torch.cat([images, negatives]))


def target_of(batch):
    (_, labels), (_, others) = batch
    return torch.cat([labels, others])


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = functional.cross_entropy(forward(model, batch), target_of(batch))
    loss.backward()
    optimizer.step()
    return loss


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        hits = sum(accuracy(forward(model, batch), target_of(batch)) for batch in batches)
    return hits / len(batches)


def main(target):
    torch.manual_seed(0)
    (bright, bright_validation), (dark, dark_validation) = load(), load(negative=True)
    bright, dark = DataLoader(bright, batch_size=None), DataLoader(dark, batch_size=None)
    validation = list(zip(bright_validation, dark_validation, strict=True))
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(5):
        for batch in zip(bright, dark, strict=True):
            train_step(model, optimizer, batch)
        print(evaluate(model, validation))
    torch.save(model.state_dict(), target)
    return Subject(
        model,
        list(zip(bright, dark, strict=True)),
        validation,
        loss=functional.cross_entropy,
        metric=accuracy,
        forward=forward,
        target=target_of,
        optimizer=optimizer,
        train_step=train_step,
        evaluate=evaluate,
    )


if __name__ == "__main__":
    main(sys.argv[1])
