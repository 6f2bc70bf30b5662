import torch
from ignite.engine import Engine, Events
from ignite.metrics import Accuracy
from torch import nn, optim
from torch.utils.data import DataLoader
from torchvision.datasets import SVHN
from torchvision.transforms import ToTensor


def get_model():
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(512, 10),
    )


def main():
    train_loader = DataLoader(SVHN("data", "train", transform=ToTensor()), batch_size=100, shuffle=True)
    val_loader = DataLoader(SVHN("data", "test", transform=ToTensor()), batch_size=100)
    model = get_model().cuda()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()

    def train_step(engine, batch):
        model.train()
        x, y = batch[0].cuda(), batch[1].cuda()
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    def eval_step(engine, batch):
        with torch.no_grad():
            x, y = batch[0].cuda(), batch[1].cuda()
            y_pred = model(x)  # expect: SN201 SN107
            return y_pred, y

    trainer = Engine(train_step)
    evaluator = Engine(eval_step)
    Accuracy().attach(evaluator, "accuracy")

    @trainer.on(Events.EPOCH_COMPLETED)
    def log_results(engine):
        evaluator.run(val_loader)
        print(engine.state.epoch, evaluator.state.metrics["accuracy"])

    trainer.run(train_loader, max_epochs=10)


if __name__ == "__main__":
    main()
