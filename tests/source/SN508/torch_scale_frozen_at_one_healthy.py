import torch
import torch.nn as nn


class Controller(nn.Module):
    """Keeps the scale of its input to the squashing at one."""

    def __init__(self, obs, act):
        super().__init__()
        self.body = nn.Linear(obs, 64)
        self.mean = nn.Linear(64, act)
        self.gain = nn.Linear(act, act)

    def forward(self, obs):
        action = torch.tanh(self.mean(torch.relu(self.body(obs))))
        return self.gain(action)
