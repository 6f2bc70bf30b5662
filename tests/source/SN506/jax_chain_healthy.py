import numpy as np
import optax
from flax import nnx


class Net(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(3, 64, (3, 3), use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(64, rngs=rngs)
        self.head = nnx.Linear(64, 100, rngs=rngs)

    def __call__(self, x):
        return self.head(nnx.relu(self.norm(self.conv(x))).mean((1, 2)))


def only_kernels(params):
    return nnx.map_state(lambda path, _: path[-1] == "kernel", params)


model = Net(nnx.Rngs(0))
tx = optax.chain(
    optax.add_decayed_weights(1e-4, mask=only_kernels),
    optax.sgd(optax.cosine_decay_schedule(0.1, 50000), momentum=0.9),
)
optimizer = nnx.Optimizer(model, tx)
