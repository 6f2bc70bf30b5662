import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.model_selection import KFold

features, targets = torch.load("features.pt"), torch.load("targets.pt")


def correct(net, rows):
    net.eval()
    with torch.no_grad():
        return (net(features[rows]).argmax(1) == targets[rows]).float().mean().item()


scores = []
for train, held_out in KFold(5, shuffle=True).split(features):
    net = nn.Sequential(nn.Linear(64, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 2))
    net = nn.DataParallel(net)
    optimizer = torch.optim.Adam(net.parameters())
    for _ in range(200):
        loss = F.cross_entropy(net(features[train]), targets[train])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scores.append(correct(net, held_out))
print(sum(scores) / len(scores))
