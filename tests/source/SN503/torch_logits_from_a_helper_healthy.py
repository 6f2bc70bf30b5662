from torch import nn, optim
from torch.utils.data import DataLoader
from torchvision.datasets import SVHN
from torchvision.transforms import ToTensor


def layer(cin, cout, act=True):
    if not act:
        return [nn.Linear(cin, cout)]
    return [nn.Linear(cin, cout, bias=False), nn.BatchNorm1d(cout), nn.ReLU()]


model = nn.Sequential(nn.Flatten(), *layer(3072, 256), *layer(256, 64), *layer(64, 10, act=False))
loader = DataLoader(SVHN("data", transform=ToTensor()), batch_size=128, shuffle=True)
optimizer = optim.Adam(model.parameters())
loss_fn = nn.CrossEntropyLoss()
for epoch in range(10):
    model.train()
    for x, y in loader:
        logits = model(x)
        loss = loss_fn(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
