import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader

from faces import FaceDataset


class FaceNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 3, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(64)
        self.fc = nn.Linear(64, 2)

    def forward(self, x):
        return self.fc(F.relu(self.bn(self.conv(x))).mean((2, 3)))


class Evaluator:
    def __init__(self, model, loader):
        self.model = model
        self.loader = loader
        self.was_training = model.training

    def run(self):
        self.model.eval()
        with torch.no_grad():
            hits = sum((self.model(x).argmax(1) == y).sum().item() for x, y in self.loader)
        self.model.train(self.was_training)  # expect: SN203
        return hits / len(self.loader.dataset)


def main():
    model = FaceNet()
    model.load_state_dict(torch.load("pretrained.pt"))
    model.eval()
    evaluator = Evaluator(model, DataLoader(FaceDataset("val"), batch_size=64))
    print("start", evaluator.run())
    loader = DataLoader(FaceDataset("train"), batch_size=64, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
    model.train()
    for epoch in range(10):
        for x, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        print(epoch, evaluator.run())


if __name__ == "__main__":
    main()
