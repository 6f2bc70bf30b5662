import jax
import jax.numpy as jnp
import optax
from flax import linen as nn


class Layer(nn.Module):
    """A layer that has the mode as a field, which the network around it leaves to its default."""

    width: int
    train: bool = False

    @nn.compact
    def __call__(self, x):
        x = nn.Dense(self.width, use_bias=False)(x)
        return nn.relu(nn.BatchNorm(use_running_average=not self.train)(x))


class Net(nn.Module):
    train: bool = False

    @nn.compact
    def __call__(self, x):
        for width in (16, 16):
            x = Layer(width)(x)  # expect: SN205
        return nn.Dense(1)(x)


def main(data):
    variables = Net().init(jax.random.key(0), jnp.ones((1, 4)))
    params, stats = variables["params"], variables["batch_stats"]
    optimizer = optax.adam(1e-3)
    state = optimizer.init(params)

    def loss(params, stats, x, y):
        out, moved = Net(train=True).apply({"params": params, "batch_stats": stats}, x, mutable=["batch_stats"])
        return ((out - y) ** 2).mean(), moved["batch_stats"]

    for x, y in data:
        (_, stats), gradients = jax.value_and_grad(loss, has_aux=True)(params, stats, x, y)
        updates, state = optimizer.update(gradients, state)
        params = optax.apply_updates(params, updates)
    return Net().apply({"params": params, "batch_stats": stats}, x)
