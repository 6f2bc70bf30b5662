from torch import nn, optim
from torch.utils.data import DataLoader

from cracks import CrackDataset


class CrackNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 64, 3, 2, bias=False), nn.BatchNorm2d(64), nn.ReLU())
        self.fc = nn.Linear(64, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        x = self.features(x).mean(dim=(2, 3))
        return self.sigmoid(self.fc(x)).squeeze(1)


class Trainer:
    def __init__(self):
        self.model = CrackNet()
        self.criterion = nn.BCELoss()
        self.optimizer = optim.Adam(self.model.parameters(), lr=1e-4)
        self.loader = DataLoader(CrackDataset("train"), batch_size=32, shuffle=True)

    def fit(self, epochs):
        for _ in range(epochs):
            self.model.train()
            for image, label in self.loader:
                loss = self.criterion(self.model(image), label.float())
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()


if __name__ == "__main__":
    Trainer().fit(10)
