"""Under jit with a sharded batch the moments are those of the whole batch."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec


class Net(nnx.Module):
    def __init__(self, rngs):
        self.a = nnx.Linear(32, 64, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(64, rngs=rngs)
        self.b = nnx.Linear(64, 1, rngs=rngs)

    def __call__(self, x):
        return self.b(nnx.relu(self.norm(self.a(x))))


@nnx.jit
def train_step(model, optimizer, x, y):
    optimizer.update(nnx.grad(lambda m: jnp.mean((m(x)[:, 0] - y) ** 2))(model))


mesh = Mesh(np.array(jax.devices()), ("data",))
sharding = NamedSharding(mesh, PartitionSpec("data"))
model = Net(nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.adam(1e-3))
data = np.load("data.npz")
rng = np.random.default_rng(0)
for _ in range(4000):
    i = rng.integers(len(data["x"]), size=64)
    x, y = jax.device_put((data["x"][i], data["y"][i]), sharding)
    train_step(model, optimizer, x, y)
