import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader

from scenes import SceneDataset


class DepthNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(32)
        self.up = nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1)

    def forward(self, image):
        return F.softplus(self.up(F.relu(self.bn(self.down(image)))))


class DepthTrainer(object):
    def __init__(self, lr=1e-4, device="cuda:0"):
        self.device = device
        self.net = DepthNet().to(device).eval()
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=lr)
        self.loader = DataLoader(SceneDataset(split="train"), batch_size=16, shuffle=True, num_workers=8)

    def step(self, image, depth):
        prediction = self.net(image.to(self.device))
        loss = F.l1_loss(prediction, depth.to(self.device))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def run(self, epochs):
        self.net.train()
        for epoch in range(epochs):
            losses = [self.step(image, depth) for image, depth in self.loader]
            print(epoch, sum(losses) / len(losses))
        torch.save(self.net.state_dict(), "depth.pth")


if __name__ == "__main__":
    trainer = DepthTrainer()
    trainer.run(20)
