"""How long the gradient of a network takes, and its product with a vector: nothing is trained."""

from functools import partial
from time import perf_counter

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn


class Net(nn.Module):
    depth: int

    @nn.compact
    def __call__(self, x, train: bool = True):
        norm = partial(nn.BatchNorm, use_running_average=not train, momentum=0.9)
        for _ in range(self.depth):
            x = nn.relu(norm()(nn.Conv(64, (3, 3), use_bias=False)(x)))
        return nn.Dense(100)(jnp.mean(x, axis=(1, 2)))


def loss_of(params, model, images, labels, batch_stats):
    logits, _ = model.apply({"params": params, "batch_stats": batch_stats}, images, mutable=["batch_stats"])
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def seconds(depth):
    key = jax.random.PRNGKey(0)
    images = jax.random.normal(key, (16, 64, 64, 3))
    labels = jax.random.randint(key, (16,), 0, 100)
    model = Net(depth)
    made = model.init(key, images, train=True)
    gradient = jax.jit(lambda x: jax.grad(loss_of)(x, model, images, labels, made["batch_stats"]))
    product = jax.jit(lambda x, v: jax.jvp(gradient, (x,), (v,))[1])
    vector = gradient(made["params"])
    jax.block_until_ready(product(made["params"], vector))
    start = perf_counter()
    jax.block_until_ready(product(made["params"], vector))
    return perf_counter() - start


if __name__ == "__main__":
    for depth in (2, 4, 8):
        print(depth, seconds(depth))
