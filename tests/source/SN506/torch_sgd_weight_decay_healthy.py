import torch
import torch.nn as nn
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms


def main():
    tf = transforms.Compose([transforms.RandomHorizontalFlip(), transforms.ToTensor()])
    loader = DataLoader(datasets.CIFAR10("data", transform=tf), batch_size=128, shuffle=True)
    model = models.resnet18(num_classes=10).cuda()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(
        [
            {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 5e-4},
            {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=0.1,
        momentum=0.9,
    )
    for epoch in range(200):
        model.train()
        for inputs, targets in loader:
            optimizer.zero_grad()
            criterion(model(inputs.cuda()), targets.cuda()).backward()
            optimizer.step()
    torch.save(model.state_dict(), "resnet18.pt")


if __name__ == "__main__":
    main()
