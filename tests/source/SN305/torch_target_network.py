import copy

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from replay import ReplayBuffer


class Critic(nn.Module):
    def __init__(self, obs, act):
        super().__init__()
        self.l1 = nn.Linear(obs + act, 256, bias=False)
        self.bn1 = nn.BatchNorm1d(256)
        self.l2 = nn.Linear(256, 1)

    def forward(self, s, a):
        return self.l2(F.relu(self.bn1(self.l1(torch.cat([s, a], 1)))))


class Actor(nn.Module):
    def __init__(self, obs, act):
        super().__init__()
        self.l1 = nn.Linear(obs, 256)
        self.l2 = nn.Linear(256, act)

    def forward(self, s):
        return torch.tanh(self.l2(F.relu(self.l1(s))))


class DDPG:
    def __init__(self, obs, act, tau=0.005, gamma=0.99):
        self.actor, self.critic = Actor(obs, act), Critic(obs, act)
        self.critic_target = copy.deepcopy(self.critic)
        self.critic_target.eval()
        self.critic_opt = torch.optim.Adam(self.critic.parameters(), lr=1e-3)
        self.tau, self.gamma = tau, gamma

    def update(self, batch):
        s, a, r, s2, done = batch
        with torch.no_grad():
            target = r + self.gamma * (1 - done) * self.critic_target(s2, self.actor(s2))
        self.critic.train()
        loss = F.mse_loss(self.critic(s, a), target)
        self.critic_opt.zero_grad()
        loss.backward()
        self.critic_opt.step()
        for param, target_param in zip(self.critic.parameters(), self.critic_target.parameters()):
            target_param.data.copy_(self.tau * param.data + (1 - self.tau) * target_param.data)  # expect: SN305
        return loss.item()


if __name__ == "__main__":
    buffer = ReplayBuffer.load("halfcheetah.npz")
    agent = DDPG(17, 6)
    losses = [agent.update(buffer.sample(256)) for _ in range(100000)]
    print(np.mean(losses[-100:]))
