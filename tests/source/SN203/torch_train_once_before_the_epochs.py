import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from tqdm import tqdm

from segmentation import CityscapesCrops, mean_iou


def double_conv(cin, cout):
    return nn.Sequential(
        nn.Conv2d(cin, cout, 3, padding=1, bias=False),
        nn.BatchNorm2d(cout),
        nn.ReLU(inplace=True),
        nn.Conv2d(cout, cout, 3, padding=1, bias=False),
        nn.BatchNorm2d(cout),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.down1 = double_conv(3, 64)
        self.down2 = double_conv(64, 128)
        self.up1 = double_conv(192, 64)
        self.out = nn.Conv2d(64, n_classes, 1)

    def forward(self, x):
        d1 = self.down1(x)
        d2 = self.down2(F.max_pool2d(d1, 2))
        up = F.interpolate(d2, scale_factor=2, mode="bilinear", align_corners=True)
        return self.out(self.up1(torch.cat([up, d1], dim=1)))


def main(epochs=40, batch_size=16):
    train_loader = DataLoader(CityscapesCrops("train"), batch_size=batch_size, shuffle=True, num_workers=8)
    val_loader = DataLoader(CityscapesCrops("val"), batch_size=batch_size, num_workers=8)
    model = UNet(19).cuda()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    model.train()
    for epoch in range(epochs):
        for image, mask in tqdm(train_loader, desc=f"epoch {epoch}"):
            loss = F.cross_entropy(model(image.cuda()), mask.cuda(), ignore_index=255)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        model.eval()  # expect: SN203
        with torch.no_grad():
            scores = [mean_iou(model(image.cuda()).argmax(1).cpu(), mask) for image, mask in val_loader]
        print(epoch, sum(scores) / len(scores))
        torch.save(model.state_dict(), f"unet_{epoch:03d}.pth")


if __name__ == "__main__":
    main()
