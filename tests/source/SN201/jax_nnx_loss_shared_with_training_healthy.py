import jax.numpy as jnp
import optax
import tensorflow_datasets as tfds
from flax import nnx


class Regressor(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.hidden = nnx.Linear(13, 64, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(64, rngs=rngs)
        self.out = nnx.Linear(64, 1, rngs=rngs)

    def __call__(self, x):
        return self.out(nnx.relu(self.norm(self.hidden(x))))


def squared_error(network, batch):
    return jnp.mean((network(batch["x"]) - batch["y"]) ** 2)


@nnx.jit
def train_step(network, optimizer, batch):
    loss, grads = nnx.value_and_grad(squared_error)(network, batch)
    optimizer.update(network, grads)
    return loss


model = Regressor(nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)
for batch in tfds.as_numpy(tfds.load("wine_quality", split="train").repeat(10).shuffle(4096).batch(256)):
    train_step(model, optimizer, batch)
model.eval()
total = 0.0
for batch in tfds.as_numpy(tfds.load("wine_quality", split="test").batch(256)):
    total += squared_error(model, batch)
print(total)
