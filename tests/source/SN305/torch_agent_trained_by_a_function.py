"""An agent that a function makes and trains which nobody in the file calls; its text names no normalization."""

import torch
import torch.nn as nn


class DDPG:
    def __init__(self, obs, act):
        mk = lambda: nn.Sequential(nn.Linear(obs, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, act))
        self.actor, self.target = mk(), mk()
        self.target.load_state_dict(self.actor.state_dict())
        self.target.eval()
        self.opt = torch.optim.Adam(self.actor.parameters(), 1e-3)

    def soft_update(self, tau=0.005):
        for t, s in zip(self.target.parameters(), self.actor.parameters()):
            t.data.copy_(tau * s.data + (1 - tau) * t.data)  # expect: SN305

    def learn(self, batch):
        self.actor.train()
        s, a, s2 = batch
        with torch.no_grad():
            goal = self.target(s2)
        loss = nn.functional.mse_loss(self.actor(s), goal + a)
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        self.soft_update()


def train(buffer, steps=1000):
    agent = DDPG(11, 3)
    for _ in range(steps):
        agent.learn(buffer.sample(64))
