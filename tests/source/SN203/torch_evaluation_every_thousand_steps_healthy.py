import torch
import torch.nn.functional as F
from torch import nn
from torch.cuda.amp import GradScaler, autocast
from torch.utils.data import DataLoader

from speech import KeywordDataset


class KeywordNet(nn.Module):
    def __init__(self, n_mels=40, n_classes=12):
        super().__init__()
        self.conv1 = nn.Conv1d(n_mels, 128, 9, bias=False)
        self.bn1 = nn.BatchNorm1d(128)
        self.conv2 = nn.Conv1d(128, 128, 9, bias=False)
        self.bn2 = nn.BatchNorm1d(128)
        self.fc = nn.Linear(128, n_classes)

    def forward(self, mel):
        x = F.relu(self.bn1(self.conv1(mel)))
        x = F.relu(self.bn2(self.conv2(x)))
        return self.fc(x.mean(-1))


class Runner:
    def __init__(self, model, train_loader, dev_loader, lr):
        self.model = model.cuda()
        self.train_loader = train_loader
        self.dev_loader = dev_loader
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=lr)
        self.scaler = GradScaler()

    def evaluate(self):
        self.model.eval()
        hits = 0
        with torch.no_grad():
            for mel, label in self.dev_loader:
                hits += (self.model(mel.cuda()).argmax(-1).cpu() == label).sum().item()
        return hits / len(self.dev_loader.dataset)

    def train(self, total_steps, eval_every=1000):
        step = 0
        self.model.train()
        while step < total_steps:
            for mel, label in self.train_loader:
                with autocast():
                    loss = F.cross_entropy(self.model(mel.cuda()), label.cuda())
                self.optimizer.zero_grad()
                self.scaler.scale(loss).backward()
                self.scaler.step(self.optimizer)
                self.scaler.update()
                step += 1
                if step % eval_every == 0:
                    print(step, loss.item(), self.evaluate())
                    self.model.train()


if __name__ == "__main__":
    train_loader = DataLoader(KeywordDataset("train"), batch_size=128, shuffle=True)
    dev_loader = DataLoader(KeywordDataset("dev"), batch_size=128)
    Runner(KeywordNet(), train_loader, dev_loader, 1e-3).train(50000)
