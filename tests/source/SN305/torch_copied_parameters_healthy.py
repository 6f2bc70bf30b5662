"""Deep Q learning; the target network is copied every thousand steps."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from replay import ReplayBuffer

GAMMA, UPDATE_EVERY = 0.99, 1000


class QNetwork(nn.Module):
    def __init__(self, state_size, action_size):
        super().__init__()
        self.fc1 = nn.Linear(state_size, 64, bias=False)
        self.bn1 = nn.BatchNorm1d(64)
        self.fc2 = nn.Linear(64, action_size)

    def forward(self, state):
        return self.fc2(F.relu(self.bn1(self.fc1(state))))


def hard_update(local_model, target_model):
    target_model.load_state_dict(local_model.state_dict())


def learn(buffer, steps):
    policy, target = QNetwork(8, 4), QNetwork(8, 4)
    target.eval()
    optimizer = torch.optim.Adam(policy.parameters(), lr=5e-4)
    for step in range(steps):
        states, actions, rewards, next_states, dones = buffer.sample(64)
        with torch.no_grad():
            targets = rewards + GAMMA * target(next_states).max(1, keepdim=True)[0] * (1 - dones)
        policy.train()
        loss = F.mse_loss(policy(states).gather(1, actions), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % UPDATE_EVERY == 0:
            hard_update(policy, target)
    torch.save(policy.state_dict(), "policy.pt")


if __name__ == "__main__":
    learn(ReplayBuffer.load("transitions.npz"), 100_000)
