import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

from replay import ReplayBuffer


class QNet(nn.Module):
    def __init__(self, obs_dim, n_actions):
        super().__init__()
        self.l1 = nn.Linear(obs_dim, 128, bias=False)
        self.bn = nn.BatchNorm1d(128)
        self.l2 = nn.Linear(128, n_actions)

    def forward(self, obs):
        return self.l2(F.relu(self.bn(self.l1(obs))))


class DQNPolicy(nn.Module):
    def __init__(self, obs_dim, n_actions, gamma=0.99):
        super().__init__()
        self.q_net = QNet(obs_dim, n_actions)
        self.q_net_target = copy.deepcopy(self.q_net)
        self.q_net_target.eval()
        self.gamma = gamma

    def train(self, mode=True):
        super().train(mode)
        self.q_net_target.eval()
        return self

    def sync(self):
        self.q_net_target.load_state_dict(self.q_net.state_dict())

    def loss(self, obs, action, reward, next_obs, done):
        with torch.no_grad():
            best = self.q_net_target(next_obs).max(1).values
            target = reward + self.gamma * (1 - done) * best
        value = self.q_net(obs).gather(1, action[:, None]).squeeze(1)
        return F.smooth_l1_loss(value, target)


def main(steps=100000, sync_every=1000):
    buffer = ReplayBuffer.load("cartpole.npz")
    policy = DQNPolicy(buffer.obs_dim, buffer.n_actions)
    optimizer = torch.optim.Adam(policy.q_net.parameters(), lr=5e-4)
    for step in range(steps):
        policy.train()
        loss = policy.loss(*buffer.sample(128))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % sync_every == 0:
            policy.sync()
    torch.save(policy.state_dict(), "dqn.pt")


if __name__ == "__main__":
    main()
