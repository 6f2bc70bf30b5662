import random

import gymnasium as gym
import torch
import torch.nn as nn
import torch.nn.functional as F


class Value(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 2))

    def forward(self, x):
        return self.body(x)


def batches(memory, size=64):
    random.shuffle(memory)
    for start in range(0, len(memory) - size, size):
        states, actions, rewards = zip(*memory[start : start + size])
        yield torch.tensor(states), torch.tensor(actions), torch.tensor(rewards)


def main():
    env, net, memory = gym.make("CartPole-v1"), Value(), []
    optimizer = torch.optim.Adam(net.parameters())
    for _ in range(100):
        state, done = env.reset(), False
        while not done:
            net.eval()
            with torch.no_grad():
                action = net(torch.tensor(state)[None]).argmax().item()
            following, reward, done, _ = env.step(action)
            memory.append((state, action, reward))
            state = following
        net.train()
        for states, actions, rewards in batches(memory):
            loss = F.mse_loss(net(states).gather(1, actions), rewards)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


if __name__ == "__main__":
    main()
