"""A step for pairs of pictures: whoever calls it has two of one kind, as far as is known here."""

import jax.numpy as jnp
from flax import nnx


class Encoder(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.conv = nnx.Conv(1, 32, (3, 3), use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(32, rngs=rngs)
        self.out = nnx.Linear(32, 64, rngs=rngs)

    def __call__(self, pictures):
        h = nnx.relu(self.norm(self.conv(pictures)))
        return self.out(h.mean((1, 2)))


@nnx.jit
def train_step(encoder: Encoder, optimizer: nnx.Optimizer, one, other, same):
    def loss_of(encoder):
        distance = jnp.linalg.norm(encoder(one) - encoder(other), axis=1)
        return jnp.mean(same * distance**2 + (1 - same) * jnp.maximum(0, 1 - distance) ** 2)

    encoder.train()
    loss, gradients = nnx.value_and_grad(loss_of)(encoder)
    optimizer.update(encoder, gradients)
    return loss
