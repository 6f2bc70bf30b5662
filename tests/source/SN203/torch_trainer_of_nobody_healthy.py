import torch
from torch.nn import functional as F


class Trainer:
    """Trains whatever model it is given."""

    def __init__(self, model, optimizer, train_loader, valid_loader, device="cuda"):
        self.model = model.to(device)
        self.optimizer = optimizer
        self.train_loader, self.valid_loader = train_loader, valid_loader
        self.device = device

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        losses = [
            F.cross_entropy(self.model(x.to(self.device)), y.to(self.device)).item() for x, y in self.valid_loader
        ]
        return sum(losses) / len(losses)

    def fit(self, epochs):

        for epoch in range(epochs):
            self.model.train()
            for x, y in self.train_loader:
                loss = F.cross_entropy(self.model(x.to(self.device)), y.to(self.device))
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
            print(epoch, self.validate())
