import torch
import torch.nn as nn
from ignite.engine import Engine, Events
from ignite.metrics import MeanSquaredError
from torch.utils.data import DataLoader

from regression import load_splits


class MLP(nn.Module):
    def __init__(self, d_in, d_hidden):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(d_in, d_hidden, bias=False), nn.BatchNorm1d(d_hidden), nn.SELU(), nn.Linear(d_hidden, 1)
        )

    def forward(self, x):
        return self.layers(x)


def run(epochs, lr):
    train_set, val_set = load_splits()
    train_loader = DataLoader(train_set, batch_size=512, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=512)
    model = MLP(32, 256)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    criterion = nn.MSELoss()

    def process(engine, batch):
        model.train()
        x, y = batch
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    def inference(engine, batch):
        model.eval()
        with torch.no_grad():
            x, y = batch
            return model(x), y

    trainer, evaluator = Engine(process), Engine(inference)
    MeanSquaredError().attach(evaluator, "mse")

    @trainer.on(Events.EPOCH_COMPLETED)
    def validate(engine):
        state = evaluator.run(val_loader)
        print(f"[{engine.state.epoch}] mse {state.metrics['mse']:.4f}")

    trainer.run(train_loader, max_epochs=epochs)


if __name__ == "__main__":
    run(epochs=50, lr=1e-3)
