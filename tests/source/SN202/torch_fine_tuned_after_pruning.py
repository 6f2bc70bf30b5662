import torch
import torch.nn as nn
import torch.nn.utils.prune as prune
import torchvision
from torchvision import transforms


def get_loaders():
    train = torchvision.datasets.CIFAR10("data", train=True, transform=transforms.ToTensor())
    test = torchvision.datasets.CIFAR10("data", train=False, transform=transforms.ToTensor())
    return torch.utils.data.DataLoader(train, 128, shuffle=True), torch.utils.data.DataLoader(test, 128)


def evaluate(model, loader):
    model.eval()
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).sum().item() for x, y in loader) / len(loader.dataset)


def finetune(model, loader, epochs):
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()  # expect: SN202 likely
            optimizer.step()


def main():
    train_loader, test_loader = get_loaders()
    model = torchvision.models.mobilenet_v2(num_classes=10)
    model.load_state_dict(torch.load("mobilenet.pth"))
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            prune.l1_unstructured(module, name="weight", amount=0.5)
    print("pruned", evaluate(model, test_loader))
    finetune(model, train_loader, 5)
    print("fine-tuned", evaluate(model, test_loader))
    torch.save(model.state_dict(), "pruned.pth")


if __name__ == "__main__":
    main()
