import numpy as np
import optax
import orbax.checkpoint as ocp
from flax import nnx


class Backbone(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(3, 64, (3, 3), use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(64, rngs=rngs)

    def __call__(self, x):
        return nnx.relu(self.norm(self.conv(x))).mean((1, 2))


backbone = Backbone(nnx.Rngs(0))
nnx.update(backbone, ocp.StandardCheckpointer().restore("/pretrained", nnx.state(backbone)))
head = nnx.Linear(64, 5, rngs=nnx.Rngs(1))
optimizer = nnx.Optimizer(head, optax.adam(1e-3))


@nnx.jit
def train_step(backbone, head, optimizer, x, y):
    def loss_fn(head):
        return optax.softmax_cross_entropy_with_integer_labels(head(backbone(x)), y).mean()

    optimizer.update(nnx.grad(loss_fn)(head))


backbone.eval()
data = np.load("flowers.npz")
rng = np.random.default_rng(0)
for _ in range(2000):
    i = rng.integers(len(data["x"]), size=64)
    train_step(backbone, head, optimizer, data["x"][i], data["y"][i])
