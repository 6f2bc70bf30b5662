import argparse

import segmentation_models_pytorch as smp
import torch
from torch.utils.data import DataLoader

from roads import RoadsDataset


def get_args():
    parser = argparse.ArgumentParser(description="Train the UNet on images and target masks")
    parser.add_argument("--epochs", "-e", type=int, default=5)
    parser.add_argument("--batch-size", "-b", dest="batch_size", type=int, default=1)
    parser.add_argument("--lr", type=float, default=1e-5)
    return parser.parse_args()


def train_net(net, args, device):
    loader = DataLoader(RoadsDataset("imgs"), batch_size=args.batch_size, shuffle=True)  # expect: SN505 likely
    optimizer = torch.optim.RMSprop(net.parameters(), lr=args.lr, momentum=0.999)
    criterion = torch.nn.BCEWithLogitsLoss()
    for epoch in range(args.epochs):
        net.train()
        for image, mask in loader:
            loss = criterion(net(image.to(device)), mask.to(device))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        torch.save(net.state_dict(), f"checkpoint_epoch{epoch}.pth")


if __name__ == "__main__":
    args = get_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train_net(smp.Unet("resnet34", classes=1).to(device), args, device)
