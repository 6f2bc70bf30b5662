import torch


class BaseTrainer:
    def __init__(self, model, criterion, metrics, optimizer, config):
        self.model, self.criterion, self.optimizer, self.config = (model, criterion, optimizer, config)
        self.epochs = config["epochs"]

    def _train_epoch(self, epoch):
        raise NotImplementedError

    def train(self):
        self.model.train()
        for epoch in range(self.epochs):
            self._train_epoch(epoch)


class Trainer(BaseTrainer):
    def __init__(self, model, criterion, metrics, optimizer, config, data_loader, valid_data_loader=None):
        super().__init__(model, criterion, metrics, optimizer, config)
        self.data_loader, self.valid_data_loader = (data_loader, valid_data_loader)

    def _train_epoch(self, epoch):
        for data, target in self.data_loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(data), target)
            loss.backward()
            self.optimizer.step()
        if self.valid_data_loader is not None:
            self._valid_epoch(epoch)

    def _valid_epoch(self, epoch):
        self.model.eval()  # expect: SN203 likely
        with torch.no_grad():
            for data, target in self.valid_data_loader:
                output = self.model(data)
                print(self.criterion(output, target).item(), output.argmax(1).eq(target).sum())

    def predict(self, x):
        with torch.no_grad():
            return self.model(x)
