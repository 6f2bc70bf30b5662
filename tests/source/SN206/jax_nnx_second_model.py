import numpy as np
import optax
from flax import nnx


class Net(nnx.Module):
    def __init__(self, rngs, use_running_average=False):
        self.a = nnx.Linear(9, 40, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(40, use_running_average=use_running_average, rngs=rngs)
        self.b = nnx.Linear(40, 1, rngs=rngs)

    def __call__(self, x):
        return self.b(nnx.relu(self.norm(self.a(x))))


@nnx.jit
def train_step(model, optimizer, x, y):
    grads = nnx.grad(lambda m: ((m(x)[:, 0] - y) ** 2).mean())(model)
    optimizer.update(grads)


data = np.load("abalone.npz")
model = Net(nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.adam(1e-3))
rng = np.random.default_rng(0)
for _ in range(8000):
    i = rng.integers(len(data["x"]), size=128)
    train_step(model, optimizer, data["x"][i], data["y"][i])

predictor = Net(nnx.Rngs(0), use_running_average=True)  # expect: SN206
nnx.update(predictor, nnx.state(model, nnx.Param))
print(np.abs(predictor(data["x_test"])[:, 0] - data["y_test"]).mean())
