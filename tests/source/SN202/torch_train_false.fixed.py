import numpy as np
import torch as th
import torch.nn as nn
import torch.optim as optim


class QNetwork(nn.Module):
    def __init__(self, obs_dim, n_actions):
        super().__init__()
        self.fc1 = nn.Linear(obs_dim, 256, bias=False)
        self.bn1 = nn.BatchNorm1d(256)
        self.fc2 = nn.Linear(256, n_actions)

    def forward(self, x):
        return self.fc2(th.relu(self.bn1(self.fc1(x))))


class FittedQ:
    def __init__(self, obs_dim, n_actions, gamma=0.99):
        self.q = QNetwork(obs_dim, n_actions)
        self.gamma = gamma
        self.optimizer = optim.Adam(self.q.parameters(), lr=3e-4)

    def act(self, obs):
        self.q.train(False)
        with th.no_grad():
            return self.q(th.as_tensor(obs).float()[None]).argmax(1).item()

    def update(self, batch):
        obs, action, target = batch
        self.q.train()
        values = self.q(obs).gather(1, action)
        loss = nn.functional.smooth_l1_loss(values, target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def main(steps=100000):
    from replay import ReplayBuffer

    buffer = ReplayBuffer.load("offline.npz")
    agent = FittedQ(buffer.obs_dim, buffer.n_actions)
    for step in range(steps):
        agent.update(buffer.sample(256))
    print(np.mean([agent.act(obs) for obs in buffer.obs[:100]]))


if __name__ == "__main__":
    main()
