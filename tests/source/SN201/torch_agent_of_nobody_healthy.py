import torch
from torch import nn
from torch.nn import functional as F


class Actor(nn.Module):
    def __init__(self, state_dim, action_dim):
        super().__init__()
        self.hidden = nn.Linear(state_dim, 256, bias=False)
        self.norm = nn.BatchNorm1d(256)
        self.out = nn.Linear(256, action_dim)

    def forward(self, state):
        return torch.tanh(self.out(F.relu(self.norm(self.hidden(state)))))


class Agent:
    def __init__(self, state_dim, action_dim, lr=1e-4):
        self.actor = Actor(state_dim, action_dim)
        self.optimizer = torch.optim.Adam(self.actor.parameters(), lr)

    def act(self, states):
        self.actor.eval()
        with torch.no_grad():
            return self.actor(torch.as_tensor(states)).cpu().numpy()

    def learn(self, states, actions):
        self.actor.train()
        loss = F.mse_loss(self.actor(states), actions)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()
