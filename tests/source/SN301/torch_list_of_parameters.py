import os
import pickle

import torch
from torch import nn


class Policy(nn.Module):
    def __init__(self, obs, act):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(obs, 64, bias=False),
            nn.BatchNorm1d(64),
            nn.ReLU(),
            nn.Linear(64, 64, bias=False),
            nn.BatchNorm1d(64),
            nn.ReLU(),
        )
        self.mu = nn.Linear(64, act)

    def forward(self, obs):
        return torch.tanh(self.mu(self.body(obs)))


class BehaviourCloning:
    def __init__(self, obs, act, out):
        self.policy = Policy(obs, act)
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=1e-3)
        self.out = out

    def update(self, obs, action):
        self.policy.train()
        loss = ((self.policy(obs) - action) ** 2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def save(self, step):
        torch.save(list(self.policy.parameters()), os.path.join(self.out, f"policy_{step}.pt"))  # expect: SN301


def main():
    with open("demonstrations.pkl", "rb") as f:
        data = pickle.load(f)
    agent = BehaviourCloning(17, 6, "runs")
    for step in range(20000):
        agent.update(*data.sample(256))
        if step % 1000 == 0:
            agent.save(step)


if __name__ == "__main__":
    main()
