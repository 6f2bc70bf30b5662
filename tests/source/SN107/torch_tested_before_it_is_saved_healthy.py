import argparse

import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader

from sounds import SoundClips


class SoundNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 32, 9, 4, bias=False),
            nn.BatchNorm1d(32),
            nn.ReLU(),
            nn.Conv1d(32, 64, 9, 4, bias=False),
            nn.BatchNorm1d(64),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(64, classes)

    def forward(self, x):
        return self.classifier(self.features(x).mean(2))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--out", default="sounds.pt")
    args = parser.parse_args()
    train_loader = DataLoader(SoundClips("train"), batch_size=64, shuffle=True)
    test_loader = DataLoader(SoundClips("test"), batch_size=64)
    net = SoundNet(50).cuda()
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(net.parameters(), lr=1e-3)
    for epoch in range(args.epochs):
        for clips, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(net(clips.cuda()), labels.cuda())
            loss.backward()
            optimizer.step()
        print(epoch, loss.item())

    net.eval()
    correct = 0
    with torch.no_grad():
        for clips, labels in test_loader:
            correct += (net(clips.cuda()).argmax(1).cpu() == labels).sum().item()
    print("test accuracy:", correct / len(test_loader.dataset))
    torch.save(net.state_dict(), args.out)


if __name__ == "__main__":
    main()
