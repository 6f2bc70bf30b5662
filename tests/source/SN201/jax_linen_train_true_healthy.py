"""Classify images with a stored Flax network."""

import sys

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.training import checkpoints


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool = False):
        x = nn.Conv(64, (3, 3), strides=2, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        x = nn.relu(x).mean(axis=(1, 2))
        return nn.Dense(100)(x)


def predict(variables, images):
    logits, _ = Net().apply(variables, images, train=False, mutable=["batch_stats"])
    return jnp.argmax(logits, axis=-1)


if __name__ == "__main__":
    variables = checkpoints.restore_checkpoint("checkpoints", target=None)
    images = np.load(sys.argv[1])
    print(predict(variables, images))
