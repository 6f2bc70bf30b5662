import torch
from torch import nn
from torch.utils.data import DataLoader

from ecg import EcgBeats


def block(a, b):
    return [nn.Conv1d(a, b, 9, stride=2, bias=False), nn.BatchNorm1d(b), nn.LeakyReLU(0.2)]


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv1d(1, 32, 9), *block(32, 64), *block(64, 64))
        self.score = nn.Linear(64, 1)

    def forward(self, x):
        return self.score(self.layers(x).mean(-1))


class BeatGAN:
    def __init__(self, device="cuda"):
        self.device = device
        self.generator = nn.Sequential(
            nn.Linear(50, 200), nn.ReLU(), nn.Linear(200, 320), nn.Unflatten(1, (1, 320))
        ).to(device)
        self.critic = Critic().to(device)
        self.opt_g = torch.optim.Adam(self.generator.parameters(), lr=1e-4)
        self.opt_c = torch.optim.Adam(self.critic.parameters(), lr=1e-4)

    def step(self, beats):
        beats = beats.to(self.device)
        z = torch.randn(beats.size(0), 50, device=self.device)
        self.critic.train()
        both = torch.cat([beats, self.generator(z).detach()])
        real, fake = self.critic(both).chunk(2)
        self.opt_c.zero_grad()
        (fake.mean() - real.mean()).backward()
        self.opt_c.step()

        self.opt_g.zero_grad()
        adversarial = -self.critic(self.generator(z)).mean()  # expect: SN403 likely
        adversarial.backward()
        self.opt_g.step()

    def anomaly_scores(self, loader):
        self.critic.eval()
        with torch.no_grad():
            return torch.cat([-self.critic(beats.to(self.device)) for beats in loader])


if __name__ == "__main__":
    gan = BeatGAN()
    loader = DataLoader(EcgBeats("normal"), batch_size=128, shuffle=True)
    for epoch in range(30):
        for beats in loader:
            gan.step(beats)
    torch.save(gan.anomaly_scores(DataLoader(EcgBeats("test"), batch_size=128)), "scores.pt")
