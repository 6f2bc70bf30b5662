import torch
import torch.nn as nn
from torch.utils.data import DataLoader

from pose import PoseDataset


class PoseNet(nn.Module):
    def __init__(self, joints=17):
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 7, 4, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.fc = nn.Linear(64, joints * 2, bias=False)
        self.bn2 = nn.BatchNorm1d(joints * 2)  # expect: SN503

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv(x))).mean((2, 3))
        return self.bn2(self.fc(x))


def main():
    loader = DataLoader(PoseDataset("train"), batch_size=64, shuffle=True, num_workers=4)
    model = PoseNet().cuda()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.SmoothL1Loss()
    for epoch in range(40):
        model.train()
        for image, joints in loader:
            pred = model(image.cuda())
            loss = criterion(pred, joints.flatten(1).cuda())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    torch.save(model.state_dict(), "pose.pt")


if __name__ == "__main__":
    main()
