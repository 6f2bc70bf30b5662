"""A small network on handwritten digits that is good in training and bad in inference, handed over for a diagnosis.

    steadynorm diagnose examples/diagnose_digits.py:subject
    python examples/diagnose_digits.py

Both do the same. Needs PyTorch and scikit-learn, which brings the data along.
"""

from collections import OrderedDict

import torch
from sklearn.datasets import load_digits
from torch import nn

from steadynorm import Subject, diagnose

EPOCHS = 6


def batches():
    """The digits as batches of 64, (images, labels): 1400 images to train on and 397 to validate on."""
    pixels, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))
    images = torch.tensor(pixels / 16, dtype=torch.float32).view(-1, 1, 8, 8)[order]
    labels = torch.tensor(labels)[order]
    pairs = list(zip(images.split(64), labels.split(64), strict=True))
    return pairs[:22], pairs[22:]


def network():
    """Three normalized convolutions, the mean over positions, and a linear layer."""
    momentum = 0.001  # the mistake: a decay of 0.999 averages over a thousand steps, and this run has 132
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 16, 3, padding=1, bias=False),
            norm1=nn.BatchNorm2d(16, momentum=momentum),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False),
            norm2=nn.BatchNorm2d(32, momentum=momentum),
            relu2=nn.ReLU(),
            conv3=nn.Conv2d(32, 32, 3, padding=1, bias=False),
            norm3=nn.BatchNorm2d(32, momentum=momentum),
            relu3=nn.ReLU(),
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            head=nn.Linear(32, 10),
        )
    )


def train_step(model, optimizer, batch):
    """One step of training, exactly as the loop below makes it."""
    images, labels = batch
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss


def accuracy(output, labels):
    """The share of images that are recognized."""
    return (output.argmax(1) == labels).float().mean()


def evaluate(model, batches):
    """The accuracy over all batches, in inference mode."""
    model.eval()
    with torch.no_grad():
        right = sum(float(accuracy(model(images), labels)) * len(labels) for images, labels in batches)
    return right / sum(len(labels) for _, labels in batches)


def subject():
    """Trains the network and gives it to steadynorm with everything that was used for it."""
    torch.manual_seed(0)
    train, validation = batches()
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    model.train()
    for _ in range(EPOCHS):
        for batch in train:
            train_step(model, optimizer, batch)
    return Subject(
        model,
        train,
        validation,
        loss=nn.functional.cross_entropy,
        metric=accuracy,
        train_step=train_step,
        optimizer=optimizer,
        evaluate=evaluate,
        name="digits",
    )


if __name__ == "__main__":
    print(diagnose(subject()))
