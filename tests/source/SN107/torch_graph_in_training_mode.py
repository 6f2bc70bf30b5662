import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric.datasets import Planetoid
from torch_geometric.nn import GCNConv


class GCN(nn.Module):
    def __init__(self, width, hidden, classes):
        super().__init__()
        self.first, self.second = GCNConv(width, hidden), GCNConv(hidden, classes)
        self.norm = nn.BatchNorm1d(hidden)

    def forward(self, x, edges):
        x = F.relu(self.norm(self.first(x, edges)))
        return self.second(F.dropout(x, 0.5, self.training), edges)


data = Planetoid("data", "Cora")[0]
model = GCN(1433, 64, 7)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(200):
    model.train()
    output = model(data.x, data.edge_index)
    loss = F.cross_entropy(output[data.train_mask], data.y[data.train_mask])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        guess = model(data.x, data.edge_index).argmax(1)  # expect: SN201 SN107
    print(epoch, (guess[data.test_mask] == data.y[data.test_mask]).float().mean().item())
