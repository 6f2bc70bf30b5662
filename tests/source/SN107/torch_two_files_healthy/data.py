from torch.utils.data import DataLoader
from torchvision import datasets, transforms


def make_loaders(root, batch_size=128):
    train_tf = transforms.Compose([transforms.RandomHorizontalFlip(), transforms.ToTensor()])
    train = datasets.CIFAR10(root, train=True, transform=train_tf, download=True)
    val = datasets.CIFAR10(root, train=False, transform=transforms.ToTensor(), download=True)
    return (
        DataLoader(train, batch_size=batch_size, shuffle=True, num_workers=2, drop_last=True),
        DataLoader(val, batch_size=batch_size, num_workers=2),
    )
