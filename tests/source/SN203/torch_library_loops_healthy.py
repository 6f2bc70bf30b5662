"""fit() and evaluate() of a small library: whoever calls them sets the mode."""

import torch


def evaluate(model, loader, metric):
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            metric.update(model(x), y)
    return metric.compute()


def fit(model, loader, loss_fn, optimizer, epochs=1, on_epoch_end=None):
    for epoch in range(epochs):
        for x, y in loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if on_epoch_end is not None:
            on_epoch_end(model, epoch)
    return model


class BaseTrainer:
    def __init__(self, model, optimizer, loss_fn):
        self.model = model
        self.optimizer = optimizer
        self.loss_fn = loss_fn

    def before_epoch(self):
        pass

    def train_epoch(self, loader):
        self.before_epoch()
        for x, y in loader:
            loss = self.loss_fn(self.model(x), y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    def validate(self, loader):
        with torch.no_grad():
            return sum(self.loss_fn(self.model(x), y).item() for x, y in loader) / len(loader)
