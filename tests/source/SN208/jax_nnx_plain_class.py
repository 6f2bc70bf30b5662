import numpy as np
import optax
from flax import nnx


class Block:
    def __init__(self, inputs, outputs, rngs):
        self.linear = nnx.Linear(inputs, outputs, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(outputs, rngs=rngs)

    def __call__(self, x):
        return nnx.relu(self.norm(self.linear(x)))


class Net(nnx.Module):
    def __init__(self, rngs):
        self.block = Block(20, 64, rngs)  # expect: SN208
        self.out = nnx.Linear(64, 5, rngs=rngs)

    def __call__(self, x):
        return self.out(self.block(x))


@nnx.jit
def train_step(model, optimizer, x, y):
    def loss_fn(model):
        return optax.softmax_cross_entropy_with_integer_labels(model(x), y).mean()

    optimizer.update(nnx.grad(loss_fn)(model))


model = Net(nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.adam(1e-3))
data = np.load("train.npz")
rng = np.random.default_rng(0)
model.train()
for _ in range(6000):
    i = rng.integers(len(data["x"]), size=64)
    train_step(model, optimizer, data["x"][i], data["y"][i])
