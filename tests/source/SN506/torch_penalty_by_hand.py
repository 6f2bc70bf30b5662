import torch
import torch.nn.functional as F
from torch import nn, optim

from spectra import loader


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 32, 9, bias=False)
        self.bn = nn.BatchNorm1d(32)
        self.fc = nn.Linear(32, 3)

    def forward(self, x):
        return self.fc(F.relu(self.bn(self.conv(x))).mean(-1))


model = Net()
params = [p for p in model.parameters() if p.requires_grad]
optimizer = optim.Adam(params, 1e-3, weight_decay=1e-4)  # expect: SN506
for epoch in range(20):
    model.train()
    for x, y in loader(batch_size=64):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
torch.save(model.state_dict(), "spectra.pt")
