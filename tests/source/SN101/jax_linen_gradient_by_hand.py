"""A network that is trained by steps that are written out, and whose new statistics nobody takes."""

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from pictures import batches


class Net(nn.Module):
    depth: int

    @nn.compact
    def __call__(self, x, train: bool = True):
        for _ in range(self.depth):
            x = nn.Conv(64, (3, 3), use_bias=False)(x)
            x = nn.relu(nn.BatchNorm(use_running_average=not train, momentum=0.9)(x))
        return nn.Dense(100)(jnp.mean(x, axis=(1, 2)))


def loss_of(params, model, images, labels, batch_stats):
    given = {"params": params, "batch_stats": batch_stats}
    logits, _ = model.apply(given, images, mutable=["batch_stats"])  # expect: SN101
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


if __name__ == "__main__":
    model = Net(4)
    variables = model.init(jax.random.PRNGKey(0), jnp.ones((1, 64, 64, 3)))
    params, batch_stats = variables["params"], variables["batch_stats"]
    gradient = jax.jit(jax.grad(loss_of), static_argnums=1)
    for images, labels in batches("train.npz", 64):
        gradients = gradient(params, model, images, labels, batch_stats)
        params = jax.tree.map(lambda old, slope: old - 0.1 * slope, params, gradients)
    for images, labels in batches("test.npz", 256):
        given = {"params": params, "batch_stats": batch_stats}
        print((model.apply(given, images, train=False).argmax(-1) == labels).mean())
