import jax.numpy as jnp
from flax import nnx


class Block(nnx.Module):
    def __init__(self, width, rngs):
        self.attention = nnx.MultiHeadAttention(4, width, decode=False, rngs=rngs)
        self.norm = nnx.BatchNorm(width, rngs=rngs)
        self.out = nnx.Linear(width, width, rngs=rngs)

    def __call__(self, tokens, padding_mask):
        attended = self.attention(tokens, mask=padding_mask[:, None, None, :])
        return self.out(nnx.relu(self.norm(tokens + attended, mask=padding_mask[..., None])))


block = Block(128, nnx.Rngs(0))
print(block(jnp.ones((8, 40, 128)), jnp.ones((8, 40), bool)).shape)
