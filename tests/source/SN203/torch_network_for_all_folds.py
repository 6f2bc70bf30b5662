import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.model_selection import KFold

features, targets = torch.load("features.pt"), torch.load("targets.pt")


def correct(net, rows):
    net.eval()  # expect: SN203
    with torch.no_grad():
        return (net(features[rows]).argmax(1) == targets[rows]).float().mean().item()


net = nn.Sequential(nn.Linear(64, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 2))
scores = []
for train, held_out in KFold(5, shuffle=True).split(features):
    wrapped = nn.DataParallel(net)
    optimizer = torch.optim.Adam(net.parameters())
    for _ in range(200):
        loss = F.cross_entropy(wrapped(features[train]), targets[train])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scores.append(correct(wrapped, held_out))
print(sum(scores) / len(scores))
