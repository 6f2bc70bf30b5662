import numpy as np
import optax
from flax import nnx


class Regressor(nnx.Module):
    def __init__(self, rngs):
        self.a = nnx.Linear(13, 64, rngs=rngs)
        self.b = nnx.Linear(64, 1, use_bias=False, rngs=rngs)

    def __call__(self, x):
        return self.b(nnx.relu(self.a(x)))


@nnx.jit
def train_step(model, optimizer, x, y):
    def loss_fn(model):
        return ((model(x)[:, 0] - y) ** 2).mean()

    optimizer.update(nnx.grad(loss_fn)(model))


model = Regressor(nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.adam(1e-3))
data = np.load("boston.npz")
rng = np.random.default_rng(0)
for _ in range(5000):
    i = rng.integers(len(data["x"]), size=32)
    train_step(model, optimizer, data["x"][i], data["y"][i])
