import numpy as np
import torch
import torch.nn as nn

N, EPOCHS, BATCH = 2000, 10, 50

rng = np.random.RandomState(0)
X = torch.from_numpy(rng.randn(N, 20).astype("float32"))
y = (X[:, :5].sum(1, keepdim=True) > 0).float()

model = nn.Sequential(
    nn.Linear(20, 64, bias=False),
    nn.BatchNorm1d(64, momentum=0.1),
    nn.ReLU(),
    nn.Linear(64, 1),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loss_fn = nn.BCEWithLogitsLoss()

for epoch in range(EPOCHS):
    model.train()
    order = torch.randperm(N)
    for start in range(0, N, BATCH):
        index = order[start : start + BATCH]
        loss = loss_fn(model(X[index]), y[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        print(epoch, ((model(X) > 0).float() == y).float().mean().item())
