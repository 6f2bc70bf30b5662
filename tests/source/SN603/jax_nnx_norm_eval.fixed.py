import numpy as np
import optax
import orbax.checkpoint as ocp
from flax import nnx


class Detector(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(3, 64, (3, 3), use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(64, rngs=rngs)
        self.drop = nnx.Dropout(0.1, rngs=rngs)
        self.boxes = nnx.Conv(64, 5, (1, 1), rngs=rngs)

    def __call__(self, x):
        return self.boxes(self.drop(nnx.relu(self.norm(self.conv(x)))))


@nnx.jit
def train_step(model, optimizer, x, y):
    def loss_fn(model):
        return optax.l2_loss(model(x), y).mean()

    optimizer.update(nnx.grad(loss_fn)(model))


model = Detector(nnx.Rngs(0))
nnx.update(model, ocp.StandardCheckpointer().restore("/coco", nnx.state(model)))
model.norm.eval()
optimizer = nnx.Optimizer(model, optax.adam(1e-4))
data = np.load("cells.npz")
rng = np.random.default_rng(0)
for epoch in range(20):
    model.train()
    model.norm.eval()
    for i in np.array_split(rng.permutation(len(data["x"])), 50):
        train_step(model, optimizer, data["x"][i], data["y"][i])
