import torch
import torch.nn as nn
import torch.nn.functional as F

from offline import load_buffer


class MLP(nn.Module):
    def __init__(self, d_in, d_out, bn):
        super().__init__()
        layers = [nn.Linear(d_in, 256, bias=False), nn.BatchNorm1d(256)] if bn else [nn.Linear(d_in, 256)]
        self.net = nn.Sequential(*layers, nn.ReLU(), nn.Linear(256, d_out))

    def forward(self, *inputs):
        return self.net(torch.cat(inputs, dim=-1))


class Agent:
    def __init__(self, obs_dim, act_dim):
        self.actor = MLP(obs_dim, act_dim, bn=False)
        self.critic = MLP(obs_dim + act_dim, 1, bn=True)
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=3e-4)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=3e-4)

    def update_critic(self, obs, act, ret):
        self.critic.train()
        loss = F.mse_loss(self.critic(obs, act), ret)
        self.critic_optimizer.zero_grad()
        loss.backward()
        self.critic_optimizer.step()

    def update_actor(self, obs):
        action = torch.tanh(self.actor(obs))
        self.critic.eval()
        loss = -self.critic(obs, action).mean()
        self.actor_optimizer.zero_grad()
        loss.backward()
        self.actor_optimizer.step()

    @torch.no_grad()
    def values(self, obs, act):
        self.critic.eval()
        return self.critic(obs, act)


def main(steps=200000):
    buffer = load_buffer("hopper-medium")
    agent = Agent(buffer.obs_dim, buffer.act_dim)
    for step in range(steps):
        obs, act, ret = buffer.sample(256)
        agent.update_critic(obs, act, ret)
        agent.update_actor(obs)
    torch.save(agent.values(buffer.obs, buffer.act), "values.pt")


if __name__ == "__main__":
    main()
