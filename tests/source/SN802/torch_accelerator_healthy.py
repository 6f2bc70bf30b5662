import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader

from molecules import Molecules


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2048, 512, bias=False)
        self.bn = nn.BatchNorm1d(512)
        self.b = nn.Linear(512, 12)

    def forward(self, x):
        return self.b(F.relu(self.bn(self.a(x))))


def main():
    accelerator = Accelerator()
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(Molecules("train"), batch_size=16, shuffle=True)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for epoch in range(20):
        model.train()
        for x, y in loader:
            with accelerator.accumulate(model):
                loss = F.binary_cross_entropy_with_logits(model(x), y)
                accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
    torch.save(accelerator.unwrap_model(model).state_dict(), "molecules.pt")


if __name__ == "__main__":
    main()
