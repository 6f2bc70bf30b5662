import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx


class Net(nnx.Module):
    def __init__(self, rngs):
        self.a = nnx.Linear(12, 32, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(32, rngs=rngs)
        self.b = nnx.Linear(32, 2, rngs=rngs)

    def __call__(self, x, training):
        h = self.a(x)
        h = self.norm(h, use_running_average=not training)
        return self.b(nnx.relu(h))


@nnx.jit
def train_step(model, optimizer, x, y):
    def loss_fn(model):
        return optax.softmax_cross_entropy_with_integer_labels(model(x, True), y).mean()

    grads = nnx.grad(loss_fn)(model)
    optimizer.update(grads)


data = np.load("data.npz")
model = Net(nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.adam(1e-3))
rng = np.random.default_rng(0)
for epoch in range(50):
    for i in np.array_split(rng.permutation(len(data["x"])), 100):
        train_step(model, optimizer, data["x"][i], data["y"][i])
    print(epoch, (model(data["x_test"], False).argmax(-1) == data["y_test"]).mean())
