import torch
from ignite.engine import Engine, Events, create_supervised_trainer
from ignite.handlers import ModelCheckpoint
from ignite.metrics import Accuracy
from torch import nn

from tiles import make_loader


class TileNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )
        self.fc = nn.Linear(64, classes)

    def forward(self, x):
        return self.fc(self.features(x).flatten(1))


def run(epochs, batch_size):
    model = TileNet(10).cuda()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    trainer = create_supervised_trainer(model, optimizer, nn.CrossEntropyLoss(), device="cuda")

    def inference(engine, batch):
        model.eval()
        with torch.no_grad():
            x, y = batch
            return model(x.cuda()), y.cuda()

    evaluator = Engine(inference)
    Accuracy().attach(evaluator, "accuracy")

    @trainer.on(Events.EPOCH_COMPLETED)
    def validate(engine):
        evaluator.run(make_loader("val", batch_size))
        print(engine.state.epoch, evaluator.state.metrics["accuracy"])

    trainer.add_event_handler(Events.EPOCH_COMPLETED, ModelCheckpoint("out", "net"), {"model": model})
    trainer.run(make_loader("train", batch_size), max_epochs=epochs)


if __name__ == "__main__":
    run(10, 64)
