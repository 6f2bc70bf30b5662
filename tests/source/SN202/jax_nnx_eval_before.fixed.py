import numpy as np
import optax
from flax import nnx


class Net(nnx.Module):
    def __init__(self, rngs):
        self.a = nnx.Linear(32, 64, use_bias=False, rngs=rngs)
        self.bn = nnx.BatchNorm(64, rngs=rngs)
        self.b = nnx.Linear(64, 8, rngs=rngs)

    def __call__(self, x):
        return self.b(nnx.relu(self.bn(self.a(x))))


def score(model, x, y):
    model.eval()
    return (model(x).argmax(-1) == y).mean()


@nnx.jit
def step(model, optimizer, x, y):
    def loss_fn(model):
        logits = model(x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    grads = nnx.grad(loss_fn)(model)
    optimizer.update(grads)


data = np.load("data.npz")
model = Net(nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.adam(1e-3))
print("before", score(model, data["x_test"], data["y_test"]))
rng = np.random.default_rng(0)
model.train()
for i in range(5000):
    index = rng.integers(len(data["x"]), size=64)
    step(model, optimizer, data["x"][index], data["y"][index])
print("after", score(model, data["x_test"], data["y_test"]))
