import torch
from torch.nn import functional as F
from torchvision.models import resnet18
from data import train_loader, test_loader

for seed in range(5):
    torch.manual_seed(seed)
    model = resnet18(num_classes=10)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for epoch in range(10):
        for x, y in train_loader:
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        hits = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)  # expect: SN201
    print(seed, hits)
