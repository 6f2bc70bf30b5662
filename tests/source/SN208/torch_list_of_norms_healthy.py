import torch
from torch import nn
import torch.nn.functional as F


class GraphConv(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.linear = nn.Linear(cin, cout, bias=False)

    def forward(self, x, adj):
        return adj @ self.linear(x)


class GCN(nn.Module):
    def __init__(self, features, hidden, classes, num_layers=4):
        super(GCN, self).__init__()
        self.convs = nn.ModuleList()
        self.convs.append(GraphConv(features, hidden))
        for _ in range(num_layers - 2):
            self.convs.append(GraphConv(hidden, hidden))
        self.convs.append(GraphConv(hidden, classes))
        self.bns = nn.ModuleList([nn.BatchNorm1d(hidden) for _ in range(num_layers - 1)])

    def forward(self, x, adj):
        for conv, bn in zip(self.convs[:-1], self.bns):
            x = F.relu(bn(conv(x, adj)))
        return self.convs[-1](x, adj)


def main():
    graph = torch.load("cora.pt")
    model = GCN(graph["x"].size(1), 64, 7)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(200):
        model.train()
        optimizer.zero_grad()
        out = model(graph["x"], graph["adj"])
        loss = F.cross_entropy(out[graph["train"]], graph["y"][graph["train"]])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        pred = model(graph["x"], graph["adj"]).argmax(1)
    print((pred == graph["y"])[graph["test"]].float().mean())


if __name__ == "__main__":
    main()
