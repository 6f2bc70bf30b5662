import numpy as np
import optax
from flax import nnx

STEPS = 600


class Net(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(1, 32, (3, 3), use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(32, momentum=0.999, rngs=rngs)  # expect: SN104
        self.head = nnx.Linear(32, 10, rngs=rngs)

    def __call__(self, x):
        x = nnx.relu(self.norm(self.conv(x)))
        return self.head(x.mean(axis=(1, 2)))


@nnx.jit
def train_step(model, optimizer, x, y):
    def loss_fn(model):
        return optax.softmax_cross_entropy_with_integer_labels(model(x), y).mean()

    loss, grads = nnx.value_and_grad(loss_fn)(model)
    optimizer.update(grads)
    return loss


model = Net(nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.adam(1e-3))
images, labels = np.load("images.npy"), np.load("labels.npy")
rng = np.random.default_rng(0)
model.train()
for step in range(STEPS):
    index = rng.integers(len(images), size=128)
    loss = train_step(model, optimizer, images[index], labels[index])
