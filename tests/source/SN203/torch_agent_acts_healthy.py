import random
from collections import deque

import gymnasium as gym
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class Actor(nn.Module):
    def __init__(self, states, actions):
        super().__init__()
        self.hidden = nn.Linear(states, 256, bias=False)
        self.norm = nn.BatchNorm1d(256)
        self.out = nn.Linear(256, actions)

    def forward(self, x):
        return torch.tanh(self.out(F.relu(self.norm(self.hidden(x)))))


class Agent:
    def __init__(self, states, actions):
        self.actor = Actor(states, actions)
        self.optimizer = torch.optim.Adam(self.actor.parameters(), 1e-4)
        self.memory = deque(maxlen=10000)

    def act(self, state):
        state = torch.FloatTensor(state.reshape(1, -1))
        self.actor.eval()
        with torch.no_grad():
            action = self.actor(state).numpy().flatten()
        self.actor.train()
        return action

    def train(self, batch):
        states, actions = (torch.FloatTensor(np.array(each)) for each in zip(*random.sample(self.memory, batch)))
        loss = F.mse_loss(self.actor(states), actions)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


if __name__ == "__main__":
    env = gym.make("Pendulum-v1")
    agent = Agent(3, 1)
    for episode in range(500):
        state, done = env.reset(), False
        while not done:
            action = agent.act(state)
            following, reward, done, _ = env.step(action)
            agent.memory.append((state, action))
            state = following
        agent.train(64)
