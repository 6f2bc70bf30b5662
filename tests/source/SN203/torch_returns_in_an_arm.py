import random
from collections import deque

import gymnasium as gym
import torch
import torch.nn.functional as F
from torch import nn, optim


class Q(nn.Module):
    def __init__(self, width, actions):
        super().__init__()
        self.first = nn.Linear(width, 128, bias=False)
        self.norm = nn.BatchNorm1d(128)
        self.head = nn.Linear(128, actions)

    def forward(self, x):
        return self.head(F.relu(self.norm(self.first(x))))


env = gym.make("CartPole-v1")
policy, target = Q(4, 2), Q(4, 2)
target.load_state_dict(policy.state_dict())
target.eval()
optimizer = optim.Adam(policy.parameters(), 1e-3)
memory = deque(maxlen=10_000)


def act(state):
    if random.random() > 0.1:
        policy.eval()  # expect: SN203
        with torch.no_grad():
            return policy(state).argmax(1, keepdim=True)
    return torch.tensor([[random.randrange(2)]])


def learn():
    if len(memory) < 128:
        return
    states, actions, rewards, following = map(torch.cat, zip(*random.sample(memory, 128)))
    with torch.no_grad():
        wanted = rewards + 0.99 * target(following).max(1)[0]
    loss = F.smooth_l1_loss(policy(states).gather(1, actions)[:, 0], wanted)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


for episode in range(500):
    state, done = torch.as_tensor(env.reset()[0])[None], False
    while not done:
        action = act(state)
        after, reward, done, _, _ = env.step(action.item())
        after = torch.as_tensor(after)[None]
        memory.append((state, action, torch.tensor([reward]), after))
        state = after
        learn()
    target.load_state_dict(policy.state_dict())
torch.save(policy.state_dict(), "policy.pt")
