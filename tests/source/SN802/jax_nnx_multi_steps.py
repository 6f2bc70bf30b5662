import optax
from flax import nnx


class Net(nnx.Module):
    def __init__(self, rngs):
        self.a = nnx.Linear(64, 128, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(128, rngs=rngs)
        self.b = nnx.Linear(128, 10, rngs=rngs)

    def __call__(self, x):
        return self.b(nnx.relu(self.norm(self.a(x))))


def make_optimizer(rate, accumulate):
    tx = optax.sgd(rate, momentum=0.9)
    if accumulate > 1:
        tx = optax.MultiSteps(tx, accumulate)  # expect: SN802
    return tx


model = Net(nnx.Rngs(0))
optimizer = nnx.Optimizer(model, make_optimizer(0.1, 4))
