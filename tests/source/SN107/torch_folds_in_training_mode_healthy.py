import numpy as np
import torch
import torch.nn.functional as F
from sklearn.model_selection import KFold
from torch import nn

features = torch.load("features.pt")
targets = torch.load("targets.pt")


def build():
    return nn.Sequential(nn.Linear(64, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 2))


scores = []
for train_ids, val_ids in KFold(5, shuffle=True).split(features):
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(200):
        model.train()
        loss = F.cross_entropy(model(features[train_ids]), targets[train_ids])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            right = model(features[val_ids]).argmax(1) == targets[val_ids]
        if epoch % 50 == 0:
            print(epoch, loss.item(), right.float().mean().item())
    scores.append(right.float().mean().item())

number = torch.arange(len(features)) % 5
for fold in range(5):
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(200):
        model.train()
        loss = F.cross_entropy(model(features[number != fold]), targets[number != fold])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        output = model(features[number == fold])
    scores.append((output.argmax(1) == targets[number == fold]).float().mean().item())
print(np.mean(scores))
