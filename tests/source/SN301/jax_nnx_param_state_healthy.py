import numpy as np
import optax
import orbax.checkpoint as ocp
from flax import nnx


class Net(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(3, 24, (3, 3), use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(24, rngs=rngs)
        self.head = nnx.Linear(24, 10, rngs=rngs)

    def __call__(self, x):
        return self.head(nnx.relu(self.norm(self.conv(x))).mean((1, 2)))


@nnx.jit
def train_step(model, optimizer, x, y):
    def loss_fn(model):
        return optax.softmax_cross_entropy_with_integer_labels(model(x), y).mean()

    optimizer.update(nnx.grad(loss_fn)(model))


data = np.load("cifar.npz")
model = Net(nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.adam(1e-3))
rng = np.random.default_rng(0)
model.train()
for _ in range(20000):
    index = rng.integers(len(data["x"]), size=128)
    train_step(model, optimizer, data["x"][index], data["y"][index])
state = nnx.state(model)
ocp.StandardCheckpointer().save("/checkpoints/final", state)
