import os

import torch
import torch.distributed as dist
import torch.nn as nn
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

from lidar import LidarSweeps
from steadynorm.torch import BatchNorm2d


class BEVNet(nn.Module):
    def __init__(self, cin=32):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(cin, 64, 3, 2, 1, bias=False),
            BatchNorm2d(64, synchronized=True),
            nn.ReLU(),
            nn.Conv2d(64, 128, 3, 2, 1, bias=False),
            BatchNorm2d(128, synchronized=True),
            nn.ReLU(),
            nn.Conv2d(128, 9, 1),
        )

    def forward(self, x):
        return self.net(x)


def main():
    dist.init_process_group("nccl")
    local_rank = int(os.environ["LOCAL_RANK"])
    torch.cuda.set_device(local_rank)
    model = BEVNet().cuda(local_rank)
    model = DDP(model, device_ids=[local_rank])
    dataset = LidarSweeps("train")
    sampler = DistributedSampler(dataset)
    loader = DataLoader(dataset, batch_size=2, sampler=sampler, num_workers=4)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(80):
        sampler.set_epoch(epoch)
        model.train()
        for points, target in loader:
            loss = nn.functional.cross_entropy(model(points.cuda()), target.cuda())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    if local_rank == 0:
        torch.save(model.module.state_dict(), "bev.pt")


if __name__ == "__main__":
    main()
