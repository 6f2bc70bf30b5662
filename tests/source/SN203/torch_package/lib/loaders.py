from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder


def build_loaders(args):
    tf = transforms.Compose([transforms.RandomResizedCrop(128), transforms.ToTensor()])
    val_tf = transforms.Compose([transforms.Resize((128, 128)), transforms.ToTensor()])
    train_loader = DataLoader(ImageFolder("data/train", tf), batch_size=64, shuffle=True, num_workers=4)
    val_loader = DataLoader(ImageFolder("data/val", val_tf), batch_size=64, num_workers=4)
    return train_loader, val_loader
