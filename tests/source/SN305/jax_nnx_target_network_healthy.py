import jax
import numpy as np
import optax
from flax import nnx


class QNetwork(nnx.Module):
    def __init__(self, states, actions, rngs):
        self.a = nnx.Linear(states, 256, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(256, rngs=rngs)
        self.b = nnx.Linear(256, actions, rngs=rngs)

    def __call__(self, x):
        return self.b(nnx.relu(self.norm(self.a(x))))


def soft_update(online, target, tau=0.005):
    new = nnx.state(online)
    old = nnx.state(target)
    nnx.update(target, jax.tree.map(lambda n, o: tau * n + (1 - tau) * o, new, old))


@nnx.jit
def learn(online, target, optimizer, s, a, r, s2):
    goal = r + 0.99 * target(s2).max(-1)

    def loss_fn(online):
        q = online(s)[np.arange(len(a)), a]
        return ((q - goal) ** 2).mean()

    optimizer.update(nnx.grad(loss_fn)(online))


online, target = QNetwork(8, 4, nnx.Rngs(0)), QNetwork(8, 4, nnx.Rngs(0))
optimizer = nnx.Optimizer(online, optax.adam(3e-4))
online.train()
target.eval()
d = np.load("replay.npz")
rng = np.random.default_rng(0)
for _ in range(100000):
    i = rng.integers(len(d["a"]), size=256)
    learn(online, target, optimizer, d["s"][i], d["a"][i], d["r"][i], d["s2"][i])
    soft_update(online, target)
